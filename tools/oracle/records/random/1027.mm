# seed 1027, mixed
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
madvise 3 11 guard_remove
write 43 82
mprotect 0 2 w
mlockall future
write 7 35 6
ftruncate f1 9
write 53 48
snap maps,pagemap,mapcount,smaps,status
write 12 54
read 40 4
brk 8
munmap 48 8
write 41 169
mmap any 3 rw private,anon,growsdown
write 38 193
snap maps,pagemap,mapcount,smaps,status
read m+0
mmap 48 8 rw private,noreserve f0 15
write 55 55 4 2
mremap 0 0 20 maymove,fixed 43
mmap 65 6 rw private f0 5
drain
mmap 52 14 rwx shared,anon,fixed
snap maps,pagemap,mapcount,smaps,status
write 59 134
write m+0 164
write 59 171 12
write 39 56
write 57 178
madvise 52 10 dontneed
read 43 2
snap maps,pagemap,mapcount,smaps,status
read 7
read 65
mmap 43 6 - private,anon,fixed
mprotect 37 5 rw
oom_score_adj 0
mmap 49 13 rx private,anon,hint
brk 15
snap maps,pagemap,mapcount,smaps,status
write 69 29
mmap 6 10 rwx private,anon
pread f0 8
madvise 36 35 pageout
sleep 40
msync 52.1 8 sync,invalidate
write 15 15 4 2
mincore 21 3
snap maps,pagemap,mapcount,smaps,status
mlock2 50 2 onfault
mmap 49 14 rw shared,populate f1 5
mprotect 41 15 rw
mprotect 48 11 rw
write 56.4095 57
write 25 119
read 28
snap maps,pagemap,mapcount,smaps,status
write 57 151 14
mmap 43 6 rwx shared,anon,fixed
read 36
msync 36 35 async
oom_score_adj 1000
write 58 92
read 67 6 3
snap maps,pagemap,mapcount,smaps,status
madvise 67 5 pageout
sleep 40
madvise 67 5 pageout
sleep 40
mremap 42 6 6 maymove,fixed 40
exec 4001
mincore 36 35
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
