# seed 1002, copying
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 4
mmap 64 6 rw private f0
read 31
madvise 36 10 remove
fork P1
on P1
read 66 5 3
mmap 34 2 rw private,anon,locked,stack,growsdown
snap maps,pagemap,mapcount,smaps,status
read 42 5
madvise 67 3 unmergeable
write 40 42
mlock2 24 22 onfault
punch f0 15 7
rlimit memlock 44
on P0
snap maps,pagemap,mapcount,smaps,status
write 29 149 5
mprotect 24 10 w
write 52 111
on P1
read 11
mincore 57 11
madvise 3 5 populate_read
snap maps,pagemap,mapcount,smaps,status
write 33 182 2
write 33 6
oom_score_adj 1000
write 68 82
write 52 107 4
fork P2
mprotect 41 7 rx
snap maps,pagemap,mapcount,smaps,status
fork P3
on P3
clear_refs 1
ftruncate f0 30
read 43
write 28 92 5
mmap 10 16 rw shared,anon,fixed
read 26
snap maps,pagemap,mapcount,smaps,status
write 16 73
on P0
pmadvise P2 62 6 willneed
mmap 13 14 rx shared,anon,fixed
mprotect 8 6 rx
write 42 14 3
on P1
snap maps,pagemap,mapcount,smaps,status
write 64 184
write 5 192
mprotect 13 3 rwx
madvise 24 22 populate_write
ftruncate f1 22
write 36 11
write 1 48 19
snap maps,pagemap,mapcount,smaps,status
mmap 34 3 rw private,anon,fixed
read 16.2048
pread f1 16
on P2
mincore 63 4
read 53 3
mmap any 3 rw shared f1 11
snap maps,pagemap,mapcount,smaps,status
write 51 84
mlock 7 10
mremap 52 5 5 maymove,fixed 36
mmap any 1 r private,anon
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
on P2
snap maps,pagemap,mapcount,kpf,smaps,status
on P3
snap maps,pagemap,mapcount,kpf,smaps,status
