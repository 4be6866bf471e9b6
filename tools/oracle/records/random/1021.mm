# seed 1021, vmas
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 27 188 7
mremap 6 8 8 maymove
write 9 74
mmap 55 3 - private,anon,fixed
madvise 36 12 willneed
madvise 11 16 pageout
sleep 40
mmap 68 1 rw private,anon
snap maps,pagemap,mapcount,smaps,status
write 29 20
mremap 56 4 4 -
mprotect 42 2 rwxg
mincore 60 7
prctl 39
clear_refs 3
write 16 82
snap maps,pagemap,mapcount,smaps,status
brk 15
pread f1 14
brk 4
write 38 193 6 2
madvise 25 11 pageout
sleep 40
fork P1
mprotect 29 15 rw
snap maps,pagemap,mapcount,smaps,status
mmap 34 5 r shared,anon,fixed
clear_refs 5
mprotect 42 5 rwx
write 4 99
mmap 17 2 rw private,fixed f0 6
mprotect 0 15 r
write 25 22 9
snap maps,pagemap,mapcount,smaps,status
mmap 33 2 rw shared,fixed,growsdown f1 14
read 24.4095
pmadvise P1 55 15 dontneed
mmap any 3 rw private f1 17
mmap 14 3 rw private,fixed f0 7
read b+3
madvise 68.1 1 populate_write
snap maps,pagemap,mapcount,smaps,status
mprotect 0 20 rw
munmap 3 3
read 17
on P1
on P0
madvise 24 22 pageout
sleep 40
punch f1 12 8
snap maps,pagemap,mapcount,smaps,status
fork P2
mprotect 6 14 r
madvise 24 9 free
read 29 5
mremap 8 0 4 fixed 29
munmap 39 1
munmap 10 10
snap maps,pagemap,mapcount,smaps,status
mprotect 25 2 rx
write 53 171
brk 7
mmap 42 2 rw private,anon,hint
mmap 51 14 r private,fixed f1 17
mmap 20 10 rw private,hint f1 11
mprotect 48 17 rw
snap maps,pagemap,mapcount,smaps,status
mlock2 48 17 onfault
oom_score_adj 0
mprotect m+0 3 -
madvise 27 5 dontfork
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P2
snap maps,pagemap,mapcount,kpf,smaps,status,oom
