/* SPDX-License-Identifier: Apache-2.0 */
/* contain.c - a plugin that runs hooks of another one as SlurmdParameters=contain_spank would
 *
 * plugstack.conf: required .../contain.so .../spank_charlie.so [key=value]...
 *
 * As slurmstepd of Slurm 24.05 and later does it: user_init, task_post_fork and task_exit in a
 * clone that shares memory and nothing else, and is waited for. All other hooks are called
 * as they are. In srun and its like this only passes everything on. */
#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <slurm/spank.h>

/* The name under which the options are forwarded to the nodes, and so that of the other one */
SPANK_PLUGIN(charlie, 1)

enum { STACK = 1024 * 1024 };

typedef int hook(spank_t sp, int ac, char *av[]);

struct call {
	hook *hook;
	spank_t sp;
	int ac;
	char **av;
};

/* The other one's HOOK, or NULL. */
static hook *find(const char *name, char *av[])
{
	static void *other;

	if (!other)
		other = dlopen(av[0], RTLD_NOW | RTLD_LOCAL);
	if (!other)
		slurm_error("contain: %s", dlerror());
	return other ? (hook *)dlsym(other, name) : NULL;
}

static int direct(const char *name, spank_t sp, int ac, char *av[])
{
	hook *h = find(name, av);

	return h ? h(sp, ac - 1, av + 1) : -1;
}

static int in_clone(void *data)
{
	struct call *c = data;

	return c->hook(c->sp, c->ac, c->av) == 0 ? 0 : 1;
}

static int contained(const char *name, spank_t sp, int ac, char *av[])
{
	struct call c = { find(name, av), sp, ac - 1, av + 1 };
	char *stack = malloc(STACK);
	int status = 1;
	pid_t pid = -1;

	if (c.hook && stack)
		pid = clone(in_clone, stack + STACK, CLONE_VM | SIGCHLD, &c);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		slurm_error("contain: %s: no clone", name);
	free(stack);
	return status == 0 ? 0 : -1;
}

#define PASS_ON(name, how)                                                                         \
	int name(spank_t sp, int ac, char *av[])                                                   \
	{                                                                                          \
		return how(#name, sp, ac, av);                                                     \
	}
PASS_ON(slurm_spank_init, direct)
PASS_ON(slurm_spank_init_post_opt, direct)
PASS_ON(slurm_spank_user_init, contained)
PASS_ON(slurm_spank_task_init_privileged, direct)
PASS_ON(slurm_spank_task_post_fork, contained)
PASS_ON(slurm_spank_task_init, direct)
PASS_ON(slurm_spank_task_exit, contained)
PASS_ON(slurm_spank_exit, direct)
