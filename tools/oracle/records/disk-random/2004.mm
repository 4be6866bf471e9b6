# seed 2004, streams on a disk
file f0 ext4 24 fill cold
file f1 ext4 192 fill
file f2 ext4 40 fill cold ro
file f3 tmpfs 12 fill
mmap 0 20 rw shared f0
mmap 24 16 rw private f0 4
mmap 44 8 rw shared f3
mmap 200 192 rw private f1 0
sleep 20
mprotect 30 6 rwx
fadvise f3 4 12 sequential
sleep 20
mincore 200 192
punch f3 3 5
punch f3 13 2
read 387
sleep 20
pread f1 89
sleep 20
pread f1 90
sleep 20
pread f1 91
sleep 20
pread f1 92
sleep 20
snap maps,pagemap,mapcount,smaps,status
mremap 0 20 20 maymove
pread f0 2
sleep 20
pread f0 12
sleep 20
pread f0 19
sleep 20
mlock 39 6
munmap 200 192
mmap 200 192 r private f1 0
sleep 20
punch f1 135 1
write 7 84
sleep 20
mincore 200 192
sleep 20
snap maps,pagemap,mapcount,smaps,status
read 200 5
sleep 20
fadvise f3 9 20 dontneed
sleep 20
clear_refs 3
oom_score_adj 500
mremap 24 16 16 maymove,dontunmap
read 28 3
read 386
sleep 20
snap maps,pagemap,mapcount,smaps,status
madvise 10 12 dontneed
read 387 4
sleep 20
mincore 200 192
read 391 1
sleep 20
oom_score_adj 100
read 10 2
read 358
sleep 20
snap maps,pagemap,mapcount,smaps,status
msync 11 1 sync,invalidate
punch f1 122 5
fadvise f1 0 0 willneed
sleep 20
madvise 278 12 sequential
sleep 20
pread f0 17
sleep 20
pread f0 18
sleep 20
prctl 68
write 6 20 5
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
pread f2 3
ftruncate f3 14
read 39
mlock2 11 9 -
read 3
madvise 35 7 cold
read 38
sleep 20
snap maps,pagemap,mapcount,smaps,status
sleep 20
mincore 13 16
read 200 6
sleep 20
read 206 1
sleep 20
read 207 4
sleep 20
clear_refs 4
fsync f1
read 211 2
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
madvise 51 16 dontfork
pread f3 0
sleep 20
pread f3 1
sleep 20
madvise 230 31 dontneed
sleep 20
mremap 19 2 1 maymove,fixed 47
pread f2 4
sleep 20
pread f2 25
sleep 20
pread f2 9
sleep 20
pread f2 33
sleep 20
pread f2 23
sleep 20
ftruncate f0 25
read 331
sleep 20
snap maps,pagemap,mapcount,smaps,status,kpf,lru
pread f0 20
sleep 20
pwrite f3 10 67
ftruncate f1 87
brk 24
sleep 20
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
