# seed 1024, files
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 4 4 3
write 5 130
mlock 29 3
mmap 3 9 r private f0 21
write 2 185 5
read 60 5
read 51
snap maps,pagemap,mapcount,smaps,status,lru
punch f0 23 1
madvise 4 21 pageout
sleep 40
madvise 4 21 pageout
sleep 40
write 22 171
brk -1
madvise 48 2.4095 dontneed
mmap 11 7 rw shared,anon,fixed
drain
madvise 36 10 dontneed
snap maps,pagemap,mapcount,smaps,status
munmap 11 6
msync 4 12 async
mprotect 9 16 rw
mmap 48 15 rw private,anon,fixed
madvise 48 16 guard_remove
write 24 152 10
read 45
snap maps,pagemap,mapcount,smaps,status
mlock2 1 8 onfault
mmap 45 12 rw private,anon
pread f0 18
ftruncate f0 1
pwrite f1 9 144
msync 44 14 -
clear_refs 3
snap maps,pagemap,mapcount,smaps,status
pread f1 15
read 2
mincore 42 13
madvise 25 8 guard_remove
pread f1 24
mprotect 24 10 rw
drain
snap maps,pagemap,mapcount,smaps,status
write 40 122
mmap 31 11 r private,anon,fixed
mmap 66 2 rx private,anon
mmap any 15 rw private f0 0
write 7 8 4
mprotect 61 8 rw
pread f0 1.1
snap maps,pagemap,mapcount,smaps,status
ftruncate f1 17.100
fork P1
on P1
mmap 22 10 rw private f0 0
write 2 156 9
on P0
mremap 17 8 8 maymove,fixed,dontunmap 10
punch f1 11 8
snap maps,pagemap,mapcount,smaps,status
pmadvise P1 38 1 cold
drain
read 32
write 4.4095 52
read 18
madvise 56 1 dontneed
mmap 6 11 rwx shared,anon,populate,nonblock,noreserve
snap maps,pagemap,mapcount,smaps,status
mmap 32 9 rw private,anon,populate
mincore m+11 4
write 1 183
read 41 4
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
