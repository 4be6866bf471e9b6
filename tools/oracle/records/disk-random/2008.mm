# seed 2008, arena on a disk
file f0 ext4 24
file f1 ext4 192 fill
file f2 ext4 1 fill cold
file f3 tmpfs 12 fill
mmap 0 20 rw shared f0
mmap 24 16 rw private f0 4
mmap 44 8 rw shared f3
mmap 200 192 r private f1 0
sleep 20
oom_score_adj 1000
write 47 122
munmap 200 192
mmap 200 192 r shared f1 0
sleep 20
mprotect 10 14 rwg
write 0 49
mmap 58 13 rwx private,anon,populate,growsdown
mmap 27 7 r private,anon
sleep 20
snap maps,pagemap,mapcount,smaps,status
read 200 57
sleep 20
mprotect 65 6 rw
fork P1
sleep 20
mincore 200 192
write 2 118
munlockall
rlimit data +84
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
read 1
fork P2
on P2
ftruncate f0 30
mremap 44 8 6 maymove,fixed 46
write 24 147
madvise 18 2 pageout
sleep 20
write 10 163
sleep 20
snap maps,pagemap,mapcount,smaps,status
ftruncate f3 8
read 39
read 62 4
ftruncate f1 121
munmap 200 192
mmap 200 188 rx private f1 4
sleep 20
mprotect 1 12 r
munmap 0 20
sleep 20
snap maps,pagemap,mapcount,smaps,status
write 68 100
mmap 40 2 rw private f0 11
fadvise f2 0 0 willneed
sleep 20
mprotect 51 14 rwx
ftruncate f3 6.1
fsync f3
pread f0 11
sleep 20
pread f0 12
sleep 20
pread f0 13
sleep 20
pread f0 14
sleep 20
pread f0 15
sleep 20
pread f0 16
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
write 24 44
sleep 20
mincore 44 12
brk -1
read 200 6
sleep 20
mremap 58 13 11 maymove,fixed 26
read 45
read 30 5
sleep 20
snap maps,pagemap,mapcount,smaps,status
read 35 3
mmap 58 3 rw private,anon
read 329
sleep 20
read 60
mmap 17 16 rw shared,hint f1
mlock2 24 18 onfault
write 47 75
sleep 20
snap maps,pagemap,mapcount,smaps,status
pread f3 0
sleep 20
pread f3 5
sleep 20
pread f3 4
sleep 20
pread f3 5
sleep 20
pread f3 4
sleep 20
fadvise f0 8 14 dontneed
sleep 20
fadvise f0 0 0 dontneed
sleep 20
msync 47 4 sync,async
on P0
read 3
read 43
sleep 20
snap maps,pagemap,mapcount,smaps,status,numa
mremap 34 3 11 maymove,fixed 9
write 60.2048 85
write 15 96 5
write 63 115 8
sleep 20
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P2
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
