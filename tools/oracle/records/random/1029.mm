# seed 1029, files
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
pwrite f1 8 191
mmap 0 2 rw shared,hint f0 18
mmap any 15 rx private f1 2
mprotect 24 11 r
fsync f1
mmap any 1 rw private,anon
write 38 128 8
snap maps,pagemap,mapcount,smaps,status,kpf,lru
read 27
madvise 4 24 pageout
sleep 40
madvise 4 24 pageout
sleep 40
write 21 62
munmap 29 3
read 38
mlock2 41 5 onfault
drain
mincore 60 6
snap maps,pagemap,mapcount,smaps,status
write 43 108
mmap 35 16 rw private,fixed f1 15
madvise 37 5 dontneed_locked
exec 4000
mprotect 63 5 r
write 50 197
mmap 36 15 rw private,anon,fixed,populate
snap maps,pagemap,mapcount,smaps,status
madvise 0 20 free
read 40
mmap 23 11 rwx shared,anon
mmap 15 12 rw shared,anon,hint
ftruncate f1 28
mprotect 51 13 rwg
mmap 20 1 rx shared f1 17
snap maps,pagemap,mapcount,smaps,status
oom_score_adj 1001
fork P1
on P1
msync 49 2 async
mmap 64 8 rw private,anon,stack
mmap 34 1 rw private,anon,populate,nonblock
on P0
write 51 126
snap maps,pagemap,mapcount,smaps,status
mmap 68 4 rw private,anon
madvise 42 6 willneed
on P1
mmap any 4 r private f1 14
write 45 118
mlock2 51 8 -
write 8 96
snap maps,pagemap,mapcount,smaps,status
mremap 4 6 6 maymove,fixed 16
madvise m+1 2 guard_install
mremap 43 2 2 maymove,fixed 66
pread f1 13
read 11
ftruncate f0 7
read 18
snap maps,pagemap,mapcount,smaps,status
read 16
read m+0
msync 54 14 sync,invalidate
rlimit as +108
mmap any 12 rw shared,populate,noreserve f0
mprotect 46 2 rw
write 41 153
snap maps,pagemap,mapcount,smaps,status
write 8 149
read 52 6
ftruncate f1 3
write 20 116
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
