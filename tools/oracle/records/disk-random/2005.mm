# seed 2005, streams on a disk
file f0 ext4 24 fill cold
file f1 ext4 192 fill cold
file f2 ext4 1 fill cold
file f3 tmpfs 12 fill
mmap 0 20 rw shared f0
mmap 24 16 rw private f0 4
mmap 44 8 rw shared f3
mmap 200 192 rw private f1 0
sleep 20
read 225 2
sleep 20
madvise 44 8 willneed
mmap 52 14 rw private,anon,populate
mmap any 1 rw shared,anon
madvise 40 10 guard_install
write 16 89
write 250 14
sleep 20
snap maps,pagemap,mapcount,smaps,status
pread f1 99
sleep 20
pread f1 141
sleep 20
pread f1 101
sleep 20
pread f1 18
sleep 20
mmap 37 13 rw shared,anon,fixed
read 223 3
sleep 20
madvise 35 11 willneed
write m+0 68
sleep 20
mincore 200 192
write 372 134 4
sleep 20
snap maps,pagemap,mapcount,smaps,status
read 388
sleep 20
read 36
sleep 20
mincore 200 192
fadvise f3 0 0 dontneed
sleep 20
read 226 19
sleep 20
madvise 33 8 populate_write
munlock 53 1
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
sleep 20
mincore 200 192
madvise 24 42 guard_install
madvise 24 42 dodump
read 245 44
sleep 20
madvise 200 192 populate_write
sleep 20
write 250 76 3
sleep 20
pread f0 1
sleep 20
pread f0 12
sleep 20
pread f0 0
sleep 20
pread f0 19
sleep 20
pread f0 15
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
ftruncate f2 22.100
sleep 20
mincore 200 192
pread f3 0
sleep 20
pread f3 8
sleep 20
pread f3 1
sleep 20
pread f3 12
sleep 20
pread f3 9
sleep 20
pread f3 10
sleep 20
fadvise f2 0 0 dontneed
sleep 20
madvise 36 6 hugepage
read 253 51
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
madvise 200 192 sequential
sleep 20
pread f0 15
sleep 20
pread f0 16
sleep 20
pread f0 17
sleep 20
read 304 1
sleep 20
mremap 33 5 10 maymove
write 259 160
sleep 20
mprotect 47 13 rwg
madvise 18 2 pageout
sleep 20
snap maps,pagemap,mapcount,smaps,status
read 260 53
sleep 20
fsync f1
madvise 200 192 populate_write
sleep 20
ftruncate f3 10
madvise 0 20 dontneed_locked
pread f2 1
sleep 20
pread f2 2
sleep 20
pread f2 3
sleep 20
pread f2 4
sleep 20
read 313 4
sleep 20
snap maps,pagemap,mapcount,smaps,status
ftruncate f1 148
write 54 53
fsync f0
fadvise f2 13 18 random
sleep 20
madvise 15 5 pageout
sleep 20
read 344
sleep 20
read 311
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
brk 11
pread f1 28
sleep 20
pread f1 104
sleep 20
pread f1 118
sleep 20
pread f1 33
sleep 20
write 19 134
prctl 66
sleep 20
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
