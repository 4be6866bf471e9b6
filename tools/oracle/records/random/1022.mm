# seed 1022, swapping
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
madvise 40 10 mergeable
write 53 160 6 3
madvise 43 5 dontfork
read 14
madvise 13 10 populate_write
read 8
madvise 18 4 guard_install
snap maps,pagemap,mapcount,smaps,status
read 52
madvise 8 7 populate_write
msync 12 15 async,invalidate
mprotect 58 2 r
mprotect 26 13 rw
read 16 6
read 29 5 2
snap maps,pagemap,mapcount,smaps,status
write 3.4095 86
clear_refs 1
read 41
write 26 155 4
mprotect 63 9 r
write 45 156
mincore 61 10
snap maps,pagemap,mapcount,smaps,status
read 44
mlockall future
mremap 15 6 9 fixed 3
mprotect 0 15 r
mmap 39 5 r private,hint f0 21
mprotect 3 13 rw
write 25 52 9
snap maps,pagemap,mapcount,smaps,status
madvise 6 12 pageout
sleep 40
read 9
write 54.4095 138
mremap 48 8 8 fixed 35
mprotect 40 3 rw
read 15 3
write 38 46
snap maps,pagemap,mapcount,smaps,status
write 42 115 4
madvise 26 1 willneed
madvise 58 6 cold
mmap any 8 r shared,anon
write 33 71 6 2
madvise 33 11 dontneed
mmap 6 16 rwx validate,anon,populate
snap maps,pagemap,mapcount,smaps,status
brk 20
write 44 94 2
write 24 55
brk 22
madvise 9 9 pageout
sleep 40
madvise 9 9 pageout
sleep 40
write 16 139
madvise b+14 1 nohugepage
mmap 46 4 rwx private,anon
snap maps,pagemap,mapcount,smaps,status
mremap 27 3 11 -
write 42 121
write 26 157 8
mmap 52 4 w private,fixed f0
madvise 24 10 pageout
sleep 40
madvise 24 10 pageout
sleep 40
write 29 185
madvise 55 15 pageout
sleep 40
read 69
pmadvise P0 35 15 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
mincore 32 8
mremap 0 15 15 maymove,fixed,dontunmap 15
mprotect 59 3 r
write 7 163
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
