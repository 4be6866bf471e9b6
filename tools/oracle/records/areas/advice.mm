mmap 0 16 rw private,anon
write 0 1 16
madvise 0 4 dontneed
read 0 4
madvise 4 4 free
snap pagemap,kpf,smaps,status
write 4 9
read 5
snap pagemap,smaps,status
madvise 8 4 guard_install
read 8
write 9 1
snap maps,pagemap,smaps,status
madvise 8 2 guard_remove
write 8 3
read 10
mlock 12 2
madvise 12 4 dontneed
madvise 12 4 dontneed_locked
snap maps,pagemap,smaps,status
madvise 12 2 guard_install
munlock 12 2
madvise 0 16 cold
madvise 0 16 willneed
madvise 0 16 remove
madvise 0 16 77
madvise 14 8 dontneed
madvise 20 4 dontneed
madvise 0 0 free
madvise 0.1 1 free
mmap 30 4 rw shared,anon
write 30 1 4
madvise 30 2 free
madvise 30 2 remove
madvise 32 1 dontneed
read 30 4
snap pagemap,smaps,status
madvise 0 16 dontdump
madvise 0 8 mergeable
madvise 0 4 hugepage
madvise 2 4 nohugepage
snap maps,smaps
madvise 0 16 dodump
madvise 0 16 unmergeable
snap maps,smaps
