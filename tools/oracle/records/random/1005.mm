# seed 1005, swapping
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 14 3
munmap 31 4
read 8
write 10 196 10
fork P1
write 26 19
madvise 24 7 cold
snap maps,pagemap,mapcount,smaps,status
madvise 25 20 pageout
sleep 40
madvise 25 20 pageout
sleep 40
read 35
write 18 69
madvise 0 20 populate_write
drain
write 38 17
munmap 41 2
mmap any 11 r private f1
snap maps,pagemap,mapcount,smaps,status
write 8 92 12
write 16 123 3
mlock 38 3
madvise 58 8 pageout
sleep 40
mmap 34 12 rwx private,anon,fixed,growsdown
pread f0 25
read 25
snap maps,pagemap,mapcount,smaps,status
read 45
write 25 87
madvise m+7 3 dontneed
mremap 44 3 3 maymove,fixed,dontunmap 8
mprotect 35 6 rw
munmap 13 5
write 0 63
snap maps,pagemap,mapcount,smaps,status
on P1
read 9.1
write 10 39 10
write 51 86 5
read 1
write 19 3 1
madvise 45 4 cold
snap maps,pagemap,mapcount,smaps,status
mlock 63 3
mincore 49 7
msync 61 4 -
rlimit data +40
mincore 30 16
madvise 0 20 pageout
sleep 40
write 4 20
write 6.17 137
snap maps,pagemap,mapcount,smaps,status
mlock 0 20
mremap 62 8 8 -
write 29 183
madvise 58 3 cold
clear_refs 3
pwrite f0 18 42
madvise 26 2 pageout
sleep 40
madvise 26 2 pageout
sleep 40
read 26
snap maps,pagemap,mapcount,smaps,status
madvise 28 18 pageout
sleep 40
madvise 0 2 dontneed
mmap 54 6 rw private,hint f0 16
mremap 37 7 7 -
madvise 0 20 pageout
sleep 40
madvise 0 20 pageout
sleep 40
madvise 48 8 wipeonfork
write 40 196
snap maps,pagemap,mapcount,smaps,status
msync 45 11 sync,async
madvise 41 20 pageout
sleep 40
read 48
write 29 109 5
write 12 117 4
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
