# seed 1030, limits
sysctl vm/page-cluster 0
file f0 memfd 24 fill
file f1 tmpfs 24 fill
file f2 tmpfs 24 ro
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
brk 18
mmap 64 1 rw private,anon
mprotect 49 1 rx
exec @2000
mmap 65 6 w private,anon
madvise 52 4 dontneed_locked
brk 5
snap maps,pagemap,mapcount,smaps,status,lru
read 52
madvise 28 24 pageout
sleep 40
read 59
mlockall future,onfault
mlock 42 7
read 42
read 39
snap maps,pagemap,mapcount,smaps,status
brk 27
write b+11 130 5
munlockall
read 37
write 34 192
brk 14
mmap 59 7 - private,anon,noreserve
snap maps,pagemap,mapcount,smaps,status
read 45
mmap 33 14 rw private,anon,hint
brk 17
dropcaps
mmap any 9 rx private,anon
read 13
mlock 30 2
snap maps,pagemap,mapcount,smaps,status
mlock2 36 10 -
mmap 6 16 rw private,anon,fixed
munlock 19 7
madvise 36 10 pageout
sleep 40
madvise 36 10 pageout
sleep 40
write 43 37
msync 67 1 async
write 55 106
read 51
snap maps,pagemap,mapcount,smaps,status
brk 20
clear_refs 6
read m+2
brk 7
mmap 52 15 rw private,anon,populate
mmap 33 7 rx private,anon,noreserve
madvise 27 15 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
madvise b+3 3 remove
clear_refs 3
madvise 36 10 free
pread f0 12
mprotect 44 1 rwg
mmap 28 6 - private,anon,populate
mprotect 65 7 rw
snap maps,pagemap,mapcount,smaps,status
brk 24
mprotect 52 8 rwx
rlimit stack 212
ftruncate f0 2
fork P1
pmadvise P1 9 13 cold
madvise 58 13 free
snap maps,pagemap,mapcount,smaps,status
write 37 91
write 45 131
mlock2 4 6 onfault
mprotect m+6 1 rw
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
