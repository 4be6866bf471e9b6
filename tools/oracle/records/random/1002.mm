# seed 1002, copying
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 4
mmap 64 6 rw private f0
write 28 59
munlock 30 1
write 30 19 5 3
mmap 34 2 rw private,anon,locked,stack,growsdown
read 42 5
snap maps,pagemap,mapcount,smaps,status,lru
fork P1
write 26 146
mmap 40 7 rw private,anon,hint,populate,nonblock
write 51 7
write 55.2048 93
mprotect 24 22 w
write 52 111
snap maps,pagemap,mapcount,smaps,status,numa
mincore 0 20
write 57 119
madvise 24 22 pageout
sleep 40
madvise 24 22 pageout
sleep 40
madvise 35 13 pageout
sleep 40
madvise 35 13 pageout
sleep 40
mmap 21 3 rw private,anon
write 51 160
mprotect 41 7 rx
snap maps,pagemap,mapcount,smaps,status
on P1
fadvise f0 3 8 willneed
read 43
write 30 92 5
mmap 10 16 rw shared,anon,fixed
read 26
write 18 73
snap maps,pagemap,mapcount,smaps,status
exit 0
on P0
read 35 6 3
write 1 56 19
madvise 36 10 wipeonfork
mprotect 23 5 rw
read 4
read 29
snap maps,pagemap,mapcount,smaps,status
read 31
munmap 67 1
prctl 42
mincore 21 25
write 1 147
fork P2
madvise 41 1 dontneed
snap maps,pagemap,mapcount,smaps,status
mmap 15 1 rw private,hint f0
read 2
fork P3
madvise 35 5 pageout
sleep 40
write 14 196
write 16.2048 35 4
mmap any 16 - private f0 10
snap maps,pagemap,mapcount,smaps,status
write 34 90
read 12
munlock m+14 1
drain
write 29 121
read 14
madvise 53 8 free
snap maps,pagemap,mapcount,smaps,status
fork P4
on P4
madvise 50 1 random
write 31 190
munlock 19 7
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P2
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P3
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P4
snap maps,pagemap,mapcount,kpf,smaps,status,oom
