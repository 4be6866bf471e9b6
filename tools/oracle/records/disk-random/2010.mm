# seed 2010, arena on a disk
file f0 ext4 24 fill
file f1 ext4 192 fill cold
file f2 ext4 16 fill cold ro
file f3 tmpfs 12 fill
mmap 0 20 rw shared f0
mmap 24 16 rw private f0 4
mmap 44 8 rw shared f3
mmap 200 192 r shared f1 0
sleep 20
madvise 286 12 cold
sleep 20
mmap 48 11 rw shared,anon
fadvise f3 1 27 dontneed
sleep 20
madvise 0 12 pageout
sleep 20
read 39
madvise 9 6 free
mremap 29 2 2 -
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
munmap 32 2
madvise 2 12 pageout
sleep 20
madvise 4 12 dontneed
write 5 75
prctl 67 1
fork P1
mmap 69 3 w shared,anon,growsdown
sleep 20
snap maps,pagemap,mapcount,smaps,status
pread f2 11
sleep 20
pread f2 12
sleep 20
pread f2 13
sleep 20
pread f2 14
sleep 20
pread f2 15
sleep 20
pread f2 16
sleep 20
fadvise f0 0 0 dontneed
sleep 20
fadvise f3 8 38 dontneed
sleep 20
madvise 0 20 guard_install
on P1
prctl 67 0
write 4 156
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
dropcaps
on P0
write 5.4095 178
dropcaps
prctl 67 1
write 70 6 4
write 71 165
sleep 20
snap maps,pagemap,mapcount,smaps,status
fadvise f0 0 0 willneed
sleep 20
pread f0 12
sleep 20
pread f0 9
mmap any 13 rw private f3
rlimit as +128
on P1
mlock 53 1
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
brk 4
read 17
drain
munmap 18 2
mremap 34 6 6 maymove,fixed,dontunmap 16
munmap 48 4
fadvise f1 94 7 random
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
sleep 20
mincore 200 192
write b+0 141 4
mmap 53 10 r shared f3 2
munmap 24 2
ftruncate f1 107
madvise 29 16 hugepage
fadvise f1 0 0 random
sleep 20
snap maps,pagemap,mapcount,smaps,status
sleep 20
mincore 200 192
mlock2 27 8 onfault
mmap any 16 rw shared,anon
fadvise f1 46 27 dontneed
sleep 20
pread f3 2
sleep 20
pread f3 12
sleep 20
pread f3 6
sleep 20
madvise 273 8 willneed
sleep 20
read 60
sleep 20
snap maps,pagemap,mapcount,smaps,status
write 8.17 154
on P0
on P1
mprotect 15 7 rx
sleep 20
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
