# seed 1016, vmas
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 52 125 4
mmap 20 4 rw private f1
pwrite f0 21 126
madvise 36 10 pageout
sleep 40
mmap 20 9 rw private,hint f1 1
munmap 16 4
oom_score_adj 500
snap maps,pagemap,mapcount,smaps,status
write 36 65 10
mlock2 62 10 -
read 14
madvise 0 20 pageout
sleep 40
read 18
mmap 65 7 r private,anon
mprotect 36 10 rx
drain
snap maps,pagemap,mapcount,smaps,status
read 62
mmap 10 6 rw private,fixed,locked f0 4
write 10 60 5
read 5
drain
madvise 29 6 pageout
sleep 40
pmadvise P0 1 15 willneed
snap maps,pagemap,mapcount,smaps,status
write 49 126
mremap 39 2 2 maymove,fixed 63
pwrite f0 5 15
brk 24
write 21 133 13
madvise 15 3 guard_remove
mremap 20 14 8 -
snap maps,pagemap,mapcount,smaps,status
munmap 0 16
read 60
mlockall future
mmap any 11 rw private f0 19
mincore 25 1
mmap 4 9 rw private,anon
mmap 28 8 rw shared,anon
snap maps,pagemap,mapcount,smaps,status
write 53 171
mprotect 61 2 rwx
mmap 42 7 rx shared,hint f1 1
mprotect 20 19 rw
mprotect 49 2 rwg
mremap 64 1 3 -
read b+11
snap maps,pagemap,mapcount,smaps,status
munmap 4 2
mmap 49 15 rw shared f1 20
mprotect 20 19 r
write 55 60
mremap 64 4 9 -
mremap 6 5 8 maymove,fixed 22
read 38
snap maps,pagemap,mapcount,smaps,status
munmap b+11 11
mmap 0 10 r private f1 3
ftruncate f1 31.4095
write 25 27 1
mmap 52 9 rw shared,anon
madvise 48 8 normal
mmap 63 5 r shared,anon,hint
snap maps,pagemap,mapcount,smaps,status
mprotect 7.1 10 rw
read 21
brk 5
msync 31 8 async,invalidate
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
