# seed 2006, arena on a disk
file f0 ext4 24 fill
file f1 ext4 192 fill
file f2 ext4 1 fill cold
file f3 tmpfs 12 fill
mmap 0 20 rw shared f0
mmap 24 16 rw private f0 4
mmap 44 8 rw shared f3
mmap 200 156 r private f1 36
sleep 20
madvise 63 6 guard_install
mremap 0 20 1 maymove,fixed 9
pread f2 1
sleep 20
pread f2 1
sleep 20
pread f2 1
sleep 20
pread f2 0
sleep 20
write 38 164
drain
msync 0 20 sync,invalidate
write 34 22
sleep 20
snap maps,pagemap,mapcount,smaps,status
read 57
msync 0 11 -
mmap 58 8 rw private,anon
munlock 24 9
madvise 48 10 normal
fadvise f0 11 31 random
sleep 20
madvise 16 1 mergeable
sleep 20
snap maps,pagemap,mapcount,smaps,status
prctl 67 0
mmap 15 11 rwx validate,anon,fixed
madvise 43 11 dontdump
madvise 1 12 pageout
sleep 20
madvise 33 4 populate_write
pread f3 3
sleep 20
read 18.17
sleep 20
snap maps,pagemap,mapcount,smaps,status,numa
madvise 230 13 willneed
sleep 20
mmap 51 16 rx shared,fixed f1 153
read 66
read 278 2
sleep 20
msync 9 1 sync
write 28 41
read 45
sleep 20
snap maps,pagemap,mapcount,smaps,status,kpf,lru
write 4 34 5 2
madvise 54 1 guard_remove
read 352
sleep 20
ftruncate f1 126
fadvise f1 0 0 dontneed
sleep 20
pread f1 113
sleep 20
pread f1 114
sleep 20
pread f1 115
sleep 20
pread f1 116
sleep 20
pread f1 117
sleep 20
pread f1 118
sleep 20
write 49.17 156
sleep 20
snap maps,pagemap,mapcount,smaps,status
madvise 20 2 dontfork
write 46 142
mprotect 1 2 rw
punch f2 2 3
write 50 100 1
madvise 7 0 mergeable
punch f0 19 4
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
read 6 4
read 8
mmap 35 9 r private,anon
msync 23 9 async
read 56
write 36 38 3
read 200 22
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
munmap 34 5
fork P1
write 48 127
munmap 44 23
madvise 0 34 populate_write
fsync f0
prctl 67 0
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
fadvise f3 0 0 sequential
sleep 20
read 27 4
madvise 0 34 nohugepage
sleep 20
mincore 200 156
sleep 20
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
