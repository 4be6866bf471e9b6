# seed 1026, swapping
file f0 tmpfs 24
file f1 memfd 24
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mprotect 0 20 rw
read 38
madvise 27 2 normal
read 48 2
madvise 42 16 pageout
sleep 40
write 39 35 7
mprotect 16 15 rwx
snap maps,pagemap,mapcount,smaps,status
exec 4000
madvise 6 8 free
write 48 113 4
mprotect 19 10 rw
madvise 40 9 pageout
sleep 40
madvise 40 9 pageout
sleep 40
write 42 170
madvise 39 4 populate_write
mlock 60 2
snap maps,pagemap,mapcount,smaps,status
madvise 24 10 pageout
sleep 40
read 27
madvise 29 17 pageout
sleep 40
read 42
mmap 64 6 rx private,anon
fork P1
clear_refs 2
madvise 39 14 pageout
sleep 40
madvise 39 14 pageout
sleep 40
mremap 24 10 10 maymove,fixed 17
snap maps,pagemap,mapcount,smaps,status
read 25
write 51 163
madvise 48 15 pageout
sleep 40
write 48 128
write 5 23 15
read 17 6
write 53 24
madvise 36 10 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
madvise 39 10 remove
mincore 4 20
read 39
write 6 71 14
mlock 39 6
pmadvise P0 68 1 willneed
brk 0
snap maps,pagemap,mapcount,smaps,status
brk 15
madvise 24 10 pageout
sleep 40
madvise 24 10 pageout
sleep 40
read 27
write 33 140 1
write 48 173
write b+7 30 4
write 45 161
write 36 7
snap maps,pagemap,mapcount,smaps,status
mremap 58 3 11 maymove,fixed 35
mmap 48 15 rx private,anon
write 36 26 6 2
read 53
write 55 159
on P1
mincore 5 16
snap maps,pagemap,mapcount,smaps,status
madvise 38 5 guard_install
madvise 22 5 guard_install
brk -1
mprotect 56 15 r
madvise 18 21 pageout
sleep 40
madvise 18 21 pageout
sleep 40
read 37
mprotect 0 20 rx
munmap 39 4
snap maps,pagemap,mapcount,smaps,status
read 12 3
on P0
write 48 151 8
write 1 184 4
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
