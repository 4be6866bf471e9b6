# seed 1016, vmas
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 52 125 4
mmap 20 4 rw private f1
pwrite f0 21 126
madvise 36 10 pageout
sleep 40
mmap 20 9 rw private,hint f1 1
munmap 16 4
oom_score_adj 500
snap maps,pagemap,mapcount,smaps,status
write 36 65 10
mlock2 62 10 -
read 14
madvise 0 20 pageout
sleep 40
read 18
mmap 65 7 r private,anon
mprotect 36 10 rx
drain
snap maps,pagemap,mapcount,smaps,status
read 62
mmap 10 6 rw private,fixed,locked f0 4
write 10 60 5
read 5
drain
madvise 0 16 pageout
sleep 40
madvise 0 16 pageout
sleep 40
write 4 49
munmap 0 4
snap maps,pagemap,mapcount,smaps,status
mincore 54 15
madvise 41 2 populate_read
read 4
write 6 105 10
brk 20
mremap 59 6 6 maymove,fixed,dontunmap 14
madvise 54 2 dontneed
snap maps,pagemap,mapcount,smaps,status
write 9 56
munmap 26 5
mlockall future
mmap any 11 rw private f0 19
mincore 12 1
mmap 29 9 rw private,anon
mremap 0 4 11 maymove,fixed 13
snap maps,pagemap,mapcount,smaps,status
mprotect 41 8 -
write 52 104
mremap 48 8 11 maymove
write 12 161
mlock2 38 10 onfault
munmap 4 22
mprotect 65 7 rwg
snap maps,pagemap,mapcount,smaps,status
mremap 67 1 3 -
write b+9 172 2
mremap 36 10 10 maymove
fork P1
on P1
mmap 34 1 rw shared,fixed f1
mmap 45 14 rw private,anon,fixed
on P0
snap maps,pagemap,mapcount,smaps,status
write 52 20
mincore 53 2
write 55 104
mremap 48 8 8 maymove,fixed 36
mmap 3 8 rx private,fixed,populate f1 7
read 58
mmap 52 12 rw private,fixed,stack f0 6
snap maps,pagemap,mapcount,smaps,status
read 31 2
mprotect 44 3 w
exec @0
mmap 11 9 rw private f0 12
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
