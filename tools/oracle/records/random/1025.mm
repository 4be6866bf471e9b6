# seed 1025, copying
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
snap maps,pagemap,mapcount,smaps,status
write 25 104 9
write 38 186
madvise 9 2 cold
write 24 130 10
mmap 68 4 r private,anon,populate,stack
madvise 63 1 pageout
sleep 40
munlock 14 1
snap maps,pagemap,mapcount,smaps,status
write 53 133
fork P1
ftruncate f1 6
write 10 38
read 0
write b+11 99
mprotect 52 13 rw
snap maps,pagemap,mapcount,smaps,status
write 10 115
mmap 25 7 r private,anon,hint
write 36 75
read 54
write 51 33
write 43 87
mremap 24 10 1 fixed 35
snap maps,pagemap,mapcount,smaps,status
read 60 5
write b+9 104
mmap any 8 rw shared f0
fork P2
on P2
madvise 42 7 pageout
sleep 40
pmadvise P1 18 1 cold
write 5 27 6
snap maps,pagemap,mapcount,smaps,status
read 39
read 58 5
msync 68 2 invalidate
mmap 23 10 rw shared f1
fork P3
write 27 79
mincore 31 6
snap maps,pagemap,mapcount,smaps,status
munmap 27.1 2
on P3
write 16 53 2
read 40
read s-2
munmap 35 11
mremap 25 1 10 -
snap maps,pagemap,mapcount,smaps,status
read 69
on P2
msync b+9 9 -
munmap 2 5
madvise 43 8 pageout
sleep 40
write 36 169
read m+0
snap maps,pagemap,mapcount,smaps,status
write 11 158 7
mlock2 52 10 onfault
ftruncate f1 12.1
write 7 10
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
on P2
snap maps,pagemap,mapcount,kpf,smaps,status
on P3
snap maps,pagemap,mapcount,kpf,smaps,status
