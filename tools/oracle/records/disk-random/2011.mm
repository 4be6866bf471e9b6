# seed 2011, streams on a disk
file f0 ext4 24 fill
file f1 ext4 192 fill
file f2 ext4 16 fill cold
file f3 tmpfs 12 fill
mmap 0 20 rw shared f0
mmap 24 16 rw private f0 4
mmap 44 8 rw shared f3
mmap 200 192 rx shared,populate f1 0
sleep 20
munlock 51 4
read 255
sleep 20
madvise 0 8 dontneed_locked
write 34 188
fork P1
on P1
sleep 20
mincore 200 192
read 200 32
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
read 232 6
sleep 20
fork P2
on P2
sleep 20
mincore 200 192
read 238 3
sleep 20
write 30 100 10
pread f1 168
sleep 20
pread f1 95
sleep 20
read 241 1
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
oom_score_adj 1001
madvise 294 4 cold
sleep 20
read 242 6
sleep 20
exit 2
on P1
pread f0 20
sleep 20
pread f0 21
sleep 20
pread f0 22
sleep 20
pread f0 23
sleep 20
munmap 24 4
munmap 28 12
sleep 20
snap maps,pagemap,mapcount,smaps,status,kpf,lru
madvise 8 2 populate_read
sleep 20
mincore 45 3
sleep 20
mincore 200 192
pread f2 10
sleep 20
pread f2 10
sleep 20
pread f1 45
sleep 20
pread f1 158
sleep 20
pread f1 114
sleep 20
pread f1 89
sleep 20
pread f1 182
sleep 20
madvise 214 25 normal
sleep 20
prctl 67 1
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
clear_refs 6
pread f2 13
sleep 20
pread f2 14
sleep 20
pread f2 15
sleep 20
pread f2 16
sleep 20
pread f2 17
sleep 20
pread f2 18
sleep 20
write 47 174 3
madvise 2 14 random
mmap any 8 r private,anon,noreserve
sleep 20
mincore 44 8
read 238 5
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
sleep 20
mincore 200 192
sleep 20
mincore 200 192
madvise 10 1 nohugepage
sleep 20
mincore 200 192
pread f3 3
sleep 20
pread f3 4
sleep 20
pread f3 5
sleep 20
pread f3 6
sleep 20
madvise 13 7 pageout
sleep 20
punch f0 24 6
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
pread f3 4
sleep 20
pread f3 0
sleep 20
pread f3 3
sleep 20
pread f3 4
sleep 20
pread f3 12
sleep 20
read 243 4
sleep 20
wait
fadvise f1 0 0 willneed
sleep 20
on P0
read 200 1
sleep 20
mincore 200 192
sleep 20
snap maps,pagemap,mapcount,smaps,status
mprotect 1 9 rwx
madvise 16 15 guard_install
read 319
sleep 20
madvise 200 192 random
sleep 20
drain
madvise 363 3 normal
sleep 20
read 0
sleep 20
snap maps,pagemap,mapcount,smaps,status,numa
pread f1 93
sleep 20
munmap 48 3
write 3 55 17
msync 10 4 -
sleep 20
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
