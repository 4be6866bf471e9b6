# seed 1003, limits
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 7
read 63
mprotect 17 9 rwx
madvise 63 3 dontdump
write 17 13 3
write 29 153
mmap 51 11 rw private,anon
snap maps,pagemap,mapcount,smaps,status
read 54
mprotect 30 1 -
madvise 24 10 populate_write
write 32 113
write 37 153
pwrite f1 19 193
mmap 8 14 rw shared,anon,fixed,stack
snap maps,pagemap,mapcount,smaps,status
mmap 18 5 rw shared,anon,fixed
mmap 8 13 rw private,anon,hint
mlock 44 5
rlimit data +124
write 2 52
munmap 15 5
read 9
snap maps,pagemap,mapcount,smaps,status
ftruncate f1 8
write 52 197
punch f1 9 8
madvise 3 1 hugepage
write 40 102 6
write 5 192
madvise 59 9 populate_write
snap maps,pagemap,mapcount,smaps,status
madvise 27 1 dontneed
mprotect 58 6 rwx
read 38
dropcaps
mmap 14 8 rw shared,fixed f1 4
madvise 0 8 wipeonfork
madvise 52 5 guard_remove
snap maps,pagemap,mapcount,smaps,status
mmap any 14 rx shared,anon
write 33 47
read 7 4
madvise 55 11 dontneed_locked
mmap 10 10 r private,anon
mmap 67 5 rw private,anon
write 9 127 14
snap maps,pagemap,mapcount,smaps,status
mremap 38 7 1 -
write 9 4
write 11 90 3 2
madvise 1 19 pageout
sleep 40
madvise 1 19 pageout
sleep 40
read 13
read 32
rlimit as +8
read 69
snap maps,pagemap,mapcount,smaps,status
brk 20
mremap 19 0 2 maymove,dontunmap
madvise 1 12 dontneed
write 62 124
read 7 6
mmap 66 1 rx private f1
mmap 2 8 rw private,anon
snap maps,pagemap,mapcount,smaps,status
madvise 60 3 free
mmap 38 13 rwx shared,fixed,populate f1 0
mlock2 b+13 6 onfault
mlock 24 10
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
