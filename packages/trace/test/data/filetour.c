/*
 * A tour of the calls on files, for filetour.strace.gz and filetour.lackey.gz:
 *
 *   gcc -O1 -static -o /usr/local/bin/filetour filetour.c
 *   env -i strace -f -o filetour.strace filetour
 *   env -i valgrind -q --tool=lackey --trace-mem=yes --trace-syscalls=yes --log-file=filetour.lackey filetour
 *
 * It makes `data`, `log`, `copy`, `sub` in the working directory and removes them again. The other logs are of
 *
 *   strace -o cat.strace cat a.txt b.txt dir/d.txt                          (12, 13,893 and 1,288,895 bytes)
 *   strace -f -ttt -T -yy -o grep.strace grep -r 1999 .                     (and dir/c.txt, of 292 bytes)
 *   strace -f -tt -o gcc.strace gcc -O1 hello.c -o hello                    (hello had 15,960 bytes afterwards)
 *   strace -f -o sqlite.strace sqlite3 -init /dev/null test.db '.read s.sql'   (test.db had 53,248 bytes)
 *   strace -f bash -c '...' 2>bash.strace       (seq 10 > out.txt; cat out.txt a.txt >> b.txt: 21 and 13,926 bytes)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char buffer[16384];

int main(void)
{
	int fd = open("data", O_RDWR | O_CREAT | O_TRUNC, 0644);
	write(fd, buffer, 10000);
	pwrite(fd, buffer, 100, 20000);
	struct iovec parts[2] = { { buffer, 300 }, { buffer + 300, 700 } };
	writev(fd, parts, 2);
	lseek(fd, 0, SEEK_SET);
	read(fd, buffer, 4096);
	readv(fd, parts, 2);
	pread(fd, buffer, 5000, 8000);
	preadv(fd, parts, 2, 1000);
	pwritev(fd, parts, 2, 2000);
	preadv2(fd, parts, 2, -1, 0);
	read(fd, buffer, 0);
	lseek(fd, -100, SEEK_END);
	read(fd, buffer, 4096);
	read(fd, buffer, 4096);
	struct stat status;
	fstat(fd, &status);
	fstatat(AT_FDCWD, "data", &status, 0);
	struct statx extended;
	statx(AT_FDCWD, "data", 0, STATX_SIZE, &extended);
	ftruncate(fd, 30000);
	fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 4096, 4096);
	fallocate(fd, 0, 0, 40000);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	readahead(fd, 0, 8192);
	sync_file_range(fd, 0, 8192, SYNC_FILE_RANGE_WRITE);
	fsync(fd);
	fdatasync(fd);

	int log = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644);
	write(log, buffer, 10);
	write(log, buffer, 10);
	close(log);

	int copy = openat(AT_FDCWD, "copy", O_RDWR | O_CREAT | O_EXCL, 0600);
	off_t from = 0, to = 0;
	copy_file_range(fd, &from, copy, &to, 5000, 0);
	copy_file_range(fd, NULL, copy, NULL, 5000, 0);
	from = 100;
	sendfile(copy, fd, &from, 3000);
	lseek(fd, 0, SEEK_SET);
	sendfile(copy, fd, NULL, 3000);

	int twin = dup(fd);
	dup2(fd, 20);
	dup3(fd, 21, O_CLOEXEC);
	int high = fcntl(fd, F_DUPFD, 30);
	fcntl(fd, F_DUPFD_CLOEXEC, 30);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	lseek(twin, 50, SEEK_SET);
	read(high, buffer, 10);

	char *map = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	map[0] = 1;
	msync(map, 8192, MS_SYNC);
	unsigned char residency[2];
	mincore(map, 8192, residency);
	munmap(map, 8192);

	int pipes[2];
	pipe(pipes);
	write(pipes[1], buffer, 10);
	read(pipes[0], buffer, 10);
	int null = open("/dev/null", O_WRONLY);
	write(null, buffer, 10);
	close(null);

	pid_t child = fork();
	if (child == 0) {
		read(fd, buffer, 10);
		lseek(fd, 1000, SEEK_SET);
		close(fd);
		_exit(3);
	}
	waitpid(child, 0, 0);
	read(fd, buffer, 10);

	mkdir("sub", 0755);
	int directory = open("sub", O_RDONLY | O_DIRECTORY);
	int inner = openat(directory, "inner", O_WRONLY | O_CREAT, 0644);
	write(inner, buffer, 1);
	close(inner);
	fsync(directory);
	renameat(directory, "inner", AT_FDCWD, "sub/other");
	unlinkat(directory, "other", 0);
	close(directory);
	rmdir("sub");
	truncate("copy", 100);
	rename("copy", "copy2");
	link("copy2", "copy3");
	symlink("copy2", "copy4");
	unlink("copy4");
	unlink("copy3");
	unlink("copy2");
	unlink("data");
	unlink("log");
	sync();
	close_range(20, 40, 0);
	open("missing", O_RDONLY);
	write(1, "done\n", 5);
	return 0;
}
