/* SPDX-License-Identifier: Apache-2.0 */
/* mpihello - each rank says hello, and rank 0 adds up what it gets from the others */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	char node[MPI_MAX_PROCESSOR_NAME];
	int rank, ranks, length, sum;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	MPI_Get_processor_name(node, &length);
	printf("hello from rank %d of %d on %s\n", rank, ranks, node);
	MPI_Reduce(&rank, &sum, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
	if (rank == 0)
		printf("sum of ranks: %d\n", sum);
	MPI_Finalize();
	return 0;
}
