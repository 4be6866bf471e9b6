/*
 * A tour of the calls that shape an address space, for tour.lackey.gz:
 *
 *   gcc -O1 -static -o tour tour.c
 *   env -i valgrind --tool=lackey --trace-mem=yes --trace-syscalls=yes --log-file=tour.lackey ./tour
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

int main(int argc, char **argv)
{
	(void)argc;
	char *a = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int page = 0; page < 8; page++)
		a[page * PAGE] = page;
	*(volatile long *)(a + PAGE - 4) = 7; /* straddles two pages */
	madvise(a + PAGE, PAGE, MADV_DONTNEED);

	char *hole = mmap(0, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	a = mremap(a, 8 * PAGE, 64 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, hole);
	a[60 * PAGE] = 1;
	mprotect(a, PAGE, PROT_READ);
	munmap(a + 4 * PAGE, PAGE);
	if (mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		return 1;

	int fd = open(argv[0], O_RDONLY);
	volatile char *file = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
	close(fd);
	(void)file[8];

	char *heap = malloc(300 * 1000);
	heap[0] = 1;
	char *top = sbrk(4 * PAGE);
	top[2 * PAGE] = 1;
	sbrk(-4 * PAGE);

	volatile char deep[100 * 1000];
	deep[0] = 1;
	if (fork() == 0)
		_exit(0);
	wait(0);
	return 0;
}
