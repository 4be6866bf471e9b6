# seed 2001, arena on a disk
file f0 ext4 24 cold
file f1 ext4 192 fill cold
file f2 ext4 16 cold ro
file f3 tmpfs 12 fill
mmap 0 20 rw shared f0
mmap 24 16 rw private f0 4
mmap 44 8 rw shared f3
mmap 200 192 rw shared f1 0
sleep 20
write 14 129
madvise 222 13 cold
sleep 20
write 25 13
read 200 13
sleep 20
read 213 34
sleep 20
mmap 53 7 rw shared,anon
mlock 7 8
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
read 247 5
sleep 20
write 26 169 3
pread f2 1.4095
mmap 63 4 rw private,anon
pread f1 54
pwrite f3 11 167
madvise 296 15 willneed
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
write 65.1 76
write 12 53
pread f1 183.1
ftruncate f1 115
mmap 29 13 rw shared,anon
write 15 133
fsync f1
sleep 20
snap maps,pagemap,mapcount,smaps,status
write 63 108
fork P1
madvise 24 0 willneed
write 31 78
fsync f3
munmap 19 5
read 62
sleep 20
snap maps,pagemap,mapcount,smaps,status
mprotect 64 1 rw
write 39 198 1
mlock 24 16
read 1
on P1
read 58 5
on P0
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
mprotect 13 14 rw
madvise 15 4 pageout
sleep 20
madvise 13 15 dontdump
write 32 194
fadvise f0 0 0 dontneed
sleep 20
brk 27
pwrite f0 9 103
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
mremap 14 2 2 -
mprotect 26 9 w
ftruncate f0 29.4095
read 34
read 63 3 3
mmap 18 8 rw shared f2 10
mremap 54 4 11 maymove,fixed 48
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
madvise 39 11 free
mmap 28 12 - private,fixed f1 84
mprotect 44 8 rw
read 7
dropcaps
fadvise f1 28 35 willneed
sleep 20
pwrite f1 57 189
sleep 20
snap maps,pagemap,mapcount,smaps,status
read 55 2
pread f0 28
mmap 67 3 rw shared f3 7
munmap 200 192
mmap 200 192 rw private f1 0
sleep 20
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
