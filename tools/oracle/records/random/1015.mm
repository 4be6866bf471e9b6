# seed 1015, copying
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 8 5 3
clear_refs 3
mprotect 12 9 rx
madvise 0 20 free
read 52
mprotect 36 10 rw
madvise 24 4 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
read 12 3
write 44 134
write 37 147 9
write 6 157
write 51 195
pwrite f0 3 58
write s-2 101
snap maps,pagemap,mapcount,smaps,status
mprotect 3 16 wg
read 39
mprotect 27 5 w
fork P1
on P1
mmap 36 4 w private,anon,fixed,growsdown
write 8 106
exit 2
on P0
snap maps,pagemap,mapcount,smaps,status
msync 15 13 invalidate
read 30 2
write 55 67 1
write 53 6
fork P2
on P2
read 51
mmap 66 5 rwx private,anon,growsdown
snap maps,pagemap,mapcount,smaps,status
write 29 56
mincore 28 1.1
mprotect 58 13 r
write 30 2 4
madvise 24 10 guard_remove
exit 3
on P0
read 12 2 2
snap maps,pagemap,mapcount,smaps,status
mincore 58 6
write 40 138 6
write 11 129
munmap 16 4
read 45 5
msync 51 4 invalidate
fork P3
snap maps,pagemap,mapcount,smaps,status
mremap 25 4 4 maymove,fixed,dontunmap 3
oom_score_adj 500
mmap 20 2 rw shared f0 14
read 13 5
write 12 60 4 3
write 2 8
read 1.4095 6 2
snap maps,pagemap,mapcount,smaps,status
write 30 147
fork P4
on P4
madvise 59 7 dontneed
write 21 181
on P0
on P3
on P4
snap maps,pagemap,mapcount,smaps,status
write 11 149 5
write 4 161 2 3
mmap 3 12 rx private f0
brk 3
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P3
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P4
snap maps,pagemap,mapcount,kpf,smaps,status,oom
