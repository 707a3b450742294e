/* SPDX-License-Identifier: Apache-2.0 */
/* chown32 PATH - change the owner to 12:34, by the i386 ABI and without a library (gcc -m32
 * -nostdlib -static); exit status: errno, or 0 */
__asm__(".globl _start\n"
	"_start:\n"
	"	mov 8(%esp), %ebx\n" /* argv[1] */
	"	mov $212, %eax\n"    /* chown32 */
	"	mov $12, %ecx\n"
	"	mov $34, %edx\n"
	"	int $0x80\n"
	"	mov %eax, %ebx\n"
	"	neg %ebx\n"
	"	mov $1, %eax\n" /* exit */
	"	int $0x80\n");
