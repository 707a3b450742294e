/* SPDX-License-Identifier: Apache-2.0 */
/* tiny.c - a program of one page that only exits: what remains is the cost of starting it
 *
 * With -DNAP=MS it sleeps for so long first. cc -static -nostdlib -Os; x86_64 and aarch64. */
__attribute__((noreturn)) void _start(void);

#if defined(__x86_64__)
enum { NANOSLEEP = 35, EXIT = 60 };

static long call(long number, const void *arg)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(arg), "S"(0)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
enum { NANOSLEEP = 101, EXIT = 93 };

static long call(long number, const void *arg)
{
	register long nr __asm__("x8") = number;
	register long x0 __asm__("x0") = (long)arg;
	register long x1 __asm__("x1") = 0;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(nr), "r"(x1) : "memory");
	return x0;
}
#else
#error "tiny.c: add the system calls of this architecture"
#endif

void _start(void)
{
#ifdef NAP
	static const struct {
		long seconds, nanoseconds;
	} nap = { NAP / 1000, NAP % 1000 * 1000000L };

	call(NANOSLEEP, &nap);
#endif
	call(EXIT, 0);
	__builtin_unreachable();
}
