# seed 2007, arena on a disk
file f0 ext4 24 cold
file f1 ext4 192 fill
file f2 ext4 1 fill cold
file f3 tmpfs 12 fill
mmap 0 20 rw shared f0
mmap 24 16 rw private f0 4
mmap 44 8 rw shared f3
mmap 200 192 rw shared f1 0
sleep 20
madvise 36 1.1 free
ftruncate f3 14
read 49 4
mmap 53 16 rx private f1 185
mmap any 7 rw private,anon,populate
madvise 16 4 pageout
sleep 20
madvise 67 3 mergeable
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
mmap 1 7 rx shared f1
pread f3 4
rlimit memlock 80
write 46.1 85
mprotect 33 16 rw
ftruncate f3 16
msync 25 3 sync,invalidate
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
pread f1 77
sleep 20
pread f1 78
sleep 20
pread f1 79
sleep 20
pread f1 80
sleep 20
pread f1 81
sleep 20
pread f1 82
sleep 20
punch f3 12 4
mmap 40 1 rw shared,anon
write 303 40
sleep 20
mmap 41 2 rx shared f3
fadvise f3 0 0 random
sleep 20
mmap any 15 rw private,anon
sleep 20
snap maps,pagemap,mapcount,smaps,status
mmap 46 8 rw private,anon
mmap 30 9 rx private,anon,fixed,noreserve
fadvise f1 0 0 sequential
sleep 20
mmap 51 5 r private f3 4
read 267
sleep 20
msync 11 4 invalidate
mremap 24 19 7 maymove
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
write 6.17 74
fork P1
ftruncate f1 1
mprotect 53 16 rx
madvise 53 16 unmergeable
write 45 168 7
mremap 53 8 8 -
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
sleep 20
mincore 200 192
pread f3 17
madvise 3 7 dontdump
sleep 20
mincore 200 192
fadvise f3 0 0 dontneed
sleep 20
write 26 176 4
pread f3 4.4095
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
fadvise f3 13 13 dontneed
sleep 20
clear_refs 2
read 29
madvise 0 20 guard_remove
fsync f3
mremap 44 8 3 maymove,fixed 64
read 200 3
sleep 20
snap maps,pagemap,mapcount,smaps,status
mprotect 62 9 rw
mmap any 6 rwx private,anon
fsync f0
read 203 60
sleep 20
write 18 19
mprotect 14 14 rx
on P1
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
write 44 37 8
read m+0
read 200 29
sleep 20
mprotect 44 8 rwx
sleep 20
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
