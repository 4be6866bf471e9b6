# seed 2012, arena on a disk
file f0 ext4 24 fill
file f1 ext4 192 fill
file f2 ext4 40 fill cold
file f3 tmpfs 12 fill
mmap 0 20 rw shared f0
mmap 24 16 rw private f0 4
mmap 44 8 rw shared f3
mmap 200 192 rw private f1 0
sleep 20
pread f2 11
madvise 200 192 populate_write
sleep 20
write 47 90 2
pread f0 25
pwrite f2 31 180
ftruncate f2 3
pwrite f0 8 1
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
read 10
read 200 35
sleep 20
pread f3 4
read 19
write 319 23
sleep 20
read 13
read 49
sleep 20
snap maps,pagemap,mapcount,smaps,status
mmap 59 7 rw validate,anon
read 33.2048
write 28 80 5
madvise 24 16 populate_read
pread f1 6
madvise 13 4 dontneed
sleep 20
mincore 7 4
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
pread f0 22
mremap 37 4 4 maymove
sleep 20
mincore 29 18
pread f0 2
read 19
mlock 48 6
write 7 34 2
sleep 20
snap maps,pagemap,mapcount,smaps,status
read s-2
munmap 55 1
madvise 352 4 sequential
sleep 20
mprotect 28 0 rw
mmap 53 16 rw private,stack f0 17
pread f3 9
sleep 20
pread f3 10
sleep 20
pread f3 11
sleep 20
read 60
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
madvise 0 12 pageout
sleep 20
fadvise f3 3 13 sequential
sleep 20
read 1
madvise 36 2 guard_install
madvise 24 15 wipeonfork
write 65 76 2
madvise 34 12 guard_remove
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
clear_refs 4
ftruncate f2 30
sleep 20
mincore 56 4
madvise 31 6 dontneed
mmap 57 10 rw shared,anon,fixed
madvise 39 10 hugepage
pread f1 136
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
madvise 200 192 dontneed
sleep 20
write 10 193
prctl 68
pwrite f3 12 54
read 3 4
sleep 20
mincore 200 192
pread f2 25
sleep 20
pread f2 26
sleep 20
pread f2 27
sleep 20
pread f2 28
sleep 20
pread f2 29
sleep 20
snap maps,pagemap,mapcount,smaps,status,kpf,lru
brk 20
read 320
sleep 20
madvise 13 8 guard_remove
mmap 39 14 rw private f3
sleep 20
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
