# seed 1001, mixed
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 16 19
write 30 156
write 38 14
munlock 37 9
mmap 65 7 rw private f0 9
read 65 4 2
mmap any 3 rw private f0 20
snap maps,pagemap,mapcount,smaps,status
fork P1
on P1
write 68 138 4
read 37 5
munmap 48 8
on P0
munmap 3 3
read 52
snap maps,pagemap,mapcount,smaps,status
write 50 120
oom_score_adj 0
madvise 39 5 populate_read
read 7 6
write 51 24
munmap 31 4
mmap 25 4 rw shared,anon,hint
snap maps,pagemap,mapcount,smaps,status
madvise 36 10 populate_write
fork P2
mlock m+1 1
munmap 65 6
write 55 179 1
write 62 71
mprotect 42 9 rw
snap maps,pagemap,mapcount,smaps,status
madvise 24 7 populate_read
clear_refs 1
on P1
read 5
clear_refs 2
madvise 36 9 dodump
fork P3
snap maps,pagemap,mapcount,smaps,status
mmap 10 8 rw private,anon,fixed,growsdown
mprotect 30 9 rx
fork P4
on P4
read 40
pmadvise P2 49 7 pageout
sleep 40
madvise 19 10 willneed
mmap 41 15 - private f1 11
snap maps,pagemap,mapcount,smaps,status
read 36
write 17 177
madvise 11 8 pageout
sleep 40
mmap 53 8 rw validate,fixed f1 17
mmap 36 14 rw private,anon,fixed,growsdown
mmap any 1 - private,anon
read 66
snap maps,pagemap,mapcount,smaps,status
munlock 49 0
read 13 2
read 69.17
brk 1
read 55 2 3
write 42 105
on P1
snap maps,pagemap,mapcount,smaps,status
mremap 36 10 9 maymove,fixed 28
munmap 24 10
read 9 3
munmap 41 3
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
on P2
snap maps,pagemap,mapcount,kpf,smaps,status
on P3
snap maps,pagemap,mapcount,kpf,smaps,status
on P4
snap maps,pagemap,mapcount,kpf,smaps,status
