# seed 2002, streams on a disk
file f0 ext4 24 fill
file f1 ext4 192 fill cold
file f2 ext4 1 fill cold
file f3 tmpfs 12 fill
mmap 0 20 rw shared f0
mmap 24 16 rw private f0 4
mmap 44 8 rw shared f3
mmap 200 192 rx private f1 0
sleep 20
write 6 138
munlock 26 2
punch f0 18 3
read 239
sleep 20
madvise 34 16 populate_write
msync 0 20 async
madvise 8 12 pageout
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
fadvise f1 102 7 sequential
sleep 20
fadvise f3 2 14 random
sleep 20
read 380 3
sleep 20
write 8 45
read 32 3 2
read 383 6
sleep 20
mincore 200 192
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
clear_refs 1
read 23 3
mremap 24 3 3 -
pread f0 21
sleep 20
pread f0 22
sleep 20
pread f0 23
sleep 20
pread f0 24
sleep 20
pread f0 25
sleep 20
pread f0 26
sleep 20
read 389 3
sleep 20
punch f2 1 2
punch f3 9 8
sleep 20
snap maps,pagemap,mapcount,smaps,status,kpf,lru
pread f1 7
sleep 20
pread f1 151
sleep 20
pread f1 32
sleep 20
prctl 67 1
madvise 391 1 random
sleep 20
read 200 35
sleep 20
mmap 32 13 rw private,fixed f2
write 26 191 26
prctl 39
sleep 20
snap maps,pagemap,mapcount,smaps,status
pread f0 4
sleep 20
madvise 50 10 willneed
read 344
sleep 20
read 34 2
mmap 60 11 r private,anon,locked,growsdown
madvise 18 13 nohugepage
mlock 12 7
sleep 20
snap maps,pagemap,mapcount,smaps,status
madvise 5 7 wipeonfork
madvise 347 42 dontneed
sleep 20
munmap 50 5
read 301
sleep 20
fadvise f0 12 35 dontneed
sleep 20
read 0
mlock 29 1
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
read 388
sleep 20
madvise 70 1 guard_remove
punch f2 2 4
pread f0 2
read 302
sleep 20
madvise 200 192 willneed
sleep 20
pread f0 15
sleep 20
pread f0 16
sleep 20
pread f0 17
sleep 20
pread f0 18
sleep 20
snap maps,pagemap,mapcount,smaps,status
fadvise f2 0 0 dontneed
sleep 20
mincore 200 192
read 1
fadvise f0 16 8 random
sleep 20
read 389 3
sleep 20
madvise 13 7 pageout
sleep 20
munmap 200 192
mmap 200 192 rw private,populate f1 0
sleep 20
snap maps,pagemap,mapcount,smaps,status
munmap 200 192
mmap 200 191 r shared f1 1
sleep 20
pread f2 1
sleep 20
pread f2 2
sleep 20
pread f2 3
sleep 20
pread f2 4
sleep 20
pread f2 5
sleep 20
pread f2 6
sleep 20
read 18.2048 3
sleep 20
mincore 200 191
sleep 20
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
