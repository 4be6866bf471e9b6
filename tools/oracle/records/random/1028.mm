# seed 1028, limits
sysctl vm/page-cluster 0
file f0 tmpfs 24
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mmap 62 6 rw shared,anon,hint
mprotect 31 14 rw
mprotect 12 4 r
read 4
munmap 0 20
madvise 30 8 nohugepage
mmap 50 11 r shared,anon,fixed
snap maps,pagemap,mapcount,smaps,status,kpf,lru
pread f0 15
read 62
read 38
drain
read 26
write 37 167
mprotect 48 16 rwx
snap maps,pagemap,mapcount,smaps,status,numa
mlock2 56 8 -
read 57
read 42
read 26
brk 6
dropcaps
write 55 110
snap maps,pagemap,mapcount,smaps,status,lru
mlock 31 5
rlimit data +60
mmap 56 7 rw private,fixed f0
read 42
mmap 14 3 rwx private,growsdown f0 20
prctl 68
brk 25
snap maps,pagemap,mapcount,smaps,status,lru
write 45 50
mlock2 59 9 onfault
munlockall
prctl 67 1
mlock2 b+11 10 -
mmap 38 1 rw private,anon,hint,noreserve
read 41
snap maps,pagemap,mapcount,smaps,status,lru
mmap 23 11 r private,anon,stack
mremap 39 1 1 maymove,fixed 61
write 52 26
write b+16 191
mremap 36 3 3 -
mincore 53 10
brk 10
snap maps,pagemap,mapcount,smaps,status,numa
drain
read 55
fork P1
on P1
mlock 26 1
mlock2 55 7 onfault
drain
madvise 31.1 2 free
snap maps,pagemap,mapcount,smaps,status
brk 3
write 16 152
write 63 1 1
write 24 1 10
madvise b+2 1 pageout
sleep 40
rlimit memlock 8
munlock 48 16
snap maps,pagemap,mapcount,smaps,status
mmap 0 9 rw shared,anon,fixed
madvise 62 5 pageout
sleep 40
read 62
on P0
read 55
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
