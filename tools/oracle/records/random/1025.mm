# seed 1025, copying
sysctl vm/page-cluster 0
file f0 tmpfs 24
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 18 32
mmap 14 12 rwx private,anon,hint
mprotect 36 10 rw
write 28 114 3
mprotect 55 13 rg
munmap 18 5
brk 23
snap maps,pagemap,mapcount,smaps,status,lru
write 13 133
oom_score_adj 1001
madvise 0 18 pageout
sleep 40
madvise 0 18 pageout
sleep 40
drain
munmap 27 1
exec 4001
mmap 4 5 rx shared,anon,hint
snap maps,pagemap,mapcount,smaps,status
write b+19 91
msync 36 10 sync
write 53 133
fork P1
pread f1 5
on P1
on P0
snap maps,pagemap,mapcount,smaps,status
mmap 12 16 rw private,anon,fixed,populate
write 40 157 3 3
read 16
write 13 17 21
write 54 71
read 25 5
fsync f0
snap maps,pagemap,mapcount,smaps,status
munmap 55 4
on P1
mremap 29 6 6 maymove,fixed 32
mremap 0 18 1 fixed 35
read 58 5
write b+9 104
mmap any 8 rw shared f0
snap maps,pagemap,mapcount,smaps,status
fork P2
on P2
madvise 44 7 pageout
sleep 40
munlockall
mremap 30 2 5 -
munmap 10 3
mremap 32 7 9 -
write 32 97 5
snap maps,pagemap,mapcount,smaps,status
mremap 35 11 11 maymove,dontunmap
mremap 40 7 7 maymove,dontunmap
mincore 35 10
prctl 67 0
write 38 118 3
on P0
write 58 115
snap maps,pagemap,mapcount,smaps,status
read 53
fork P3
read 11 5
read 27 5
mmap 66 6 r private,anon
ftruncate f1 31
write 26 20
snap maps,pagemap,mapcount,smaps,status
mmap 25 12 rw private,fixed f1 10
madvise 53 4 populate_write
read 38
mlock2 49 10 -
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P2
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P3
snap maps,pagemap,mapcount,kpf,smaps,status,oom
