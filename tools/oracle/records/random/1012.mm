# seed 1012, copying
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 12
write 62 136
madvise 58 6 free
mprotect 4 13 rw
write 3 120
write 16 177
write 44 115
snap maps,pagemap,mapcount,smaps,status
write 2 158
fork P1
munmap 61 4
write 36 38 10
mincore 24 10
read 13
mmap 55 14 r private,anon
snap maps,pagemap,mapcount,smaps,status,kpf,lru
munlockall
write 30 196
write 40 193
ftruncate f1 4
mmap 61 10 - private,anon
madvise 19 20 pageout
sleep 40
write 53 103
snap maps,pagemap,mapcount,smaps,status
write 63 174 2
fork P2
read 18
write 29 92
madvise 24 10 guard_remove
madvise 50 11 guard_install
fork P3
on P3
snap maps,pagemap,mapcount,smaps,status
mincore 58 13
write 16 92
mmap 6 13 r private,anon,growsdown
on P2
mmap 54 5 rw shared,anon,fixed
mmap 25 14 rw private,anon,locked
write 5 187 4
snap maps,pagemap,mapcount,smaps,status
write 32 160 4
mmap any 12 - shared,anon,populate,stack
write m+11 116
mprotect 24 10 rx
madvise 8 20 pageout
sleep 40
madvise 8 20 pageout
sleep 40
write 22 66
mremap 0 20 6 maymove,fixed 7
read 60
snap maps,pagemap,mapcount,smaps,status
on P1
mmap any 3 rw private,anon
mmap 65 6 rw shared,anon,noreserve
on P3
madvise 1 7 populate_write
mprotect 11 4 rw
mprotect 29 9 rw
snap maps,pagemap,mapcount,smaps,status
clear_refs 5
write 37 182
read 52
on P0
mlock 39 6
punch f1 0 2
brk 21
snap maps,pagemap,mapcount,smaps,status
mprotect 50 14 rw
write 51 138
read 54
mincore 36 16
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P2
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P3
snap maps,pagemap,mapcount,kpf,smaps,status,oom
