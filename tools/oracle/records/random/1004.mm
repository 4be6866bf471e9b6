# seed 1004, copying
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 36 75 10
fork P1
on P1
on P0
read 12
read 32
madvise 18 1.1 guard_remove
mremap 13 8 8 maymove,fixed,dontunmap 30
snap maps,pagemap,mapcount,smaps,status
write 39 152
pwrite f1 7 24
madvise 24 22 pageout
sleep 40
write 45 125
mlock2 0 20 onfault
on P1
write 33 120
snap maps,pagemap,mapcount,smaps,status
brk -1
mremap 1 0 7 maymove,fixed 62
mremap 51 1 12 maymove,fixed 33
mmap 1 6 rw private,anon,fixed
mlock 28 2
on P0
read 35
snap maps,pagemap,mapcount,smaps,status
mremap 39 4 10 maymove,fixed 16
read 16
mincore 0 39
write 18 186 3 3
fork P2
on P2
read 30 6 2
write 0 117
snap maps,pagemap,mapcount,smaps,status
mmap 47 10 rwx shared,anon,fixed,stack
fork P3
on P3
madvise 0 39 pageout
sleep 40
read 13
write 8 127
on P1
madvise 12 13 pageout
sleep 40
mmap 19 5 r shared,anon,fixed,populate
snap maps,pagemap,mapcount,smaps,status
brk 4
on P3
mincore 59 2
mmap 14 12 rw private,anon,fixed,populate
read 27
mremap 58 7 1 -
exit 3
on P2
snap maps,pagemap,mapcount,smaps,status
read 31 3 3
wait
write 22 72 17
read 60
mremap 35 2 1 maymove,fixed 28
read 11
mmap 17 10 rw private,fixed f1
snap maps,pagemap,mapcount,smaps,status
write 23 33 12
mremap 45 2 11 maymove
mmap 44 10 rw shared,anon
munmap 34 6
write 15 176 5
madvise 1 6 normal
punch f0 15 8
snap maps,pagemap,mapcount,smaps,status
mprotect 48 6 rw
mlock2 49 7 onfault
write 18 78 3
on P1
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P2
snap maps,pagemap,mapcount,kpf,smaps,status,oom
