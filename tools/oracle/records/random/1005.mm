# seed 1005, swapping
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 14 3
mprotect 31 10 r
write 28 45
madvise 4 12 pageout
sleep 40
madvise 4 12 pageout
sleep 40
write 5 79
madvise 6 3 guard_remove
write 52 165 4
read 5 2 2
snap maps,pagemap,mapcount,smaps,status
write 44 172 3 3
drain
write 38 17
munmap 40 2
clear_refs 1
write 2 121
write 54 16
snap maps,pagemap,mapcount,smaps,status
read 10
brk 6
write 32 161
madvise b+1 2 pageout
sleep 40
fork P1
madvise 2 9 remove
write 53 6
snap maps,pagemap,mapcount,smaps,status
munmap 53 2
write 17 144
mlock2 19 8 onfault
read 6
write 12 13 8
madvise 7 18 pageout
sleep 40
read 12
write 25 68
snap maps,pagemap,mapcount,smaps,status
madvise 5 7 pageout
sleep 40
mremap 24 0 6 maymove,dontunmap
read 6 6 2
write 9 39 11
exec @2000
write 0 104
write b+4 60 5
snap maps,pagemap,mapcount,smaps,status
madvise 51 12 sequential
madvise 48 5 random
drain
read 9
clear_refs 2
madvise 16 8 pageout
sleep 40
madvise 0 20 pageout
sleep 40
write 4 20
snap maps,pagemap,mapcount,smaps,status
write 0 137
msync 0 20 -
mmap 62 4 rx shared,fixed f0
brk 25
write 55 178
madvise 36 4 pageout
sleep 40
mmap 6 1 rw private,fixed f1
snap maps,pagemap,mapcount,smaps,status
mmap 35 1 rx private f0 16
madvise 26 19 pageout
sleep 40
madvise 26 19 pageout
sleep 40
mlock 7 5
brk 3
ftruncate f1 15
brk 6
mprotect 55 1 r
snap maps,pagemap,mapcount,smaps,status
pmadvise P0 42 4 willneed
write 19 137
mmap 15 7 w private,anon,fixed
mmap 12 4 r private,fixed f0 8
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
