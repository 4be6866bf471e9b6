# seed 1029, files
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
pwrite f1 8 191
mmap 0 2 rw shared,hint f0 18
mmap any 15 rx private f1 2
mprotect 24 11 r
clear_refs 3
write 4 9
pwrite f1 20 57
snap maps,pagemap,mapcount,smaps,status
msync 37 11 -
madvise 55 12 pageout
sleep 40
read 7
read 51 3
exec 4000
madvise 51 9 free
drain
snap maps,pagemap,mapcount,smaps,status
msync 38 3 async
madvise 31 5 dontfork
write 41 169
oom_score_adj 100
mprotect 55 8 r
write 36 36
clear_refs 3
snap maps,pagemap,mapcount,smaps,status
write 43 104
mmap 1 14 rw private,anon
read 55
munmap 0 20
read 48
mmap 0 11 rwx shared,anon
mremap 33 1 1 maymove
snap maps,pagemap,mapcount,smaps,status
ftruncate f0 14
pwrite f1 24.1 116
ftruncate f0 0
punch f0 0 1
punch f0 1 5
mremap 43 6 1 -
ftruncate f1 31
snap maps,pagemap,mapcount,smaps,status
write 49 25
read 31
msync 42 2.4095 invalidate
mmap 64 1 rw private,anon,populate,nonblock
punch f1 31 5
pread f1 20
mremap 27 4 12 maymove
snap maps,pagemap,mapcount,smaps,status
write 40 81
madvise 28 12 populate_read
mremap 4 4 4 maymove,fixed,dontunmap 63
fork P1
on P1
munmap 65 3
write 39 164
brk 11
snap maps,pagemap,mapcount,smaps,status
madvise 49 7 free
mincore 40 10
madvise 25 5 populate_write
on P0
mincore 24 10
write 22 187
mmap 13 11 rwx private f0
snap maps,pagemap,mapcount,smaps,status
mremap 66 1 4 -
madvise 63 3 pageout
sleep 40
read 63
read 9
clear_refs 1
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
