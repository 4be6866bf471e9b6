# seed 1009, copying
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
madvise 58 6 dontneed
mprotect 36 10 rx
write 52 66
madvise 45 1 random
write 24 54
read 9
write 49 172 3 3
snap maps,pagemap,mapcount,smaps,status
msync 31 0 invalidate
write 1 187 19
madvise 63 1 guard_install
fork P1
on P1
write 7 192
read 51
read 18 6 2
snap maps,pagemap,mapcount,smaps,status
on P0
read 56
madvise 60 7 populate_read
mlock 58 6
brk 7
read 10
read 6
snap maps,pagemap,mapcount,smaps,status
on P1
mincore 62 8
write 3 18 17
ftruncate f1 7
mmap 31 5 rw private,anon,fixed
munmap 58 6
on P0
snap maps,pagemap,mapcount,smaps,status
mmap 35 15 rw private,hint,populate f0 8
mlock2 6 8 onfault
mincore 49 8
read 10
madvise 24 10 populate_write
on P1
read 30
snap maps,pagemap,mapcount,smaps,status
brk 19
mprotect 15 10 w
mremap 0 20 2 -
mmap 45 16 rw private,anon,fixed
on P0
on P1
read s-2 5
snap maps,pagemap,mapcount,smaps,status
write 0 74
on P0
mprotect 32 4 rwx
read 9
ftruncate f0 12
madvise b+0 2 willneed
on P1
snap maps,pagemap,mapcount,smaps,status
on P0
write 33 131 1
mremap 49 8 8 maymove,fixed,dontunmap 3
write 3 103
drain
write 33 106 1
madvise 52 12 unmergeable
snap maps,pagemap,mapcount,smaps,status
madvise 15 11 pageout
sleep 40
madvise 15 11 pageout
sleep 40
read 20
write 52 191
write 30 178
write 1 148 19
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
