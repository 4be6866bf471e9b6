# seed 1027, mixed
sysctl vm/page-cluster 0
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
msync 9 8 -
write 12 14
oom_score_adj 1001
madvise 0 20 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
mremap 33 2 2 maymove
read 40 4
brk 8
munmap 48 8
write 41 169
mmap any 3 rw private,anon,growsdown
write 38 193
snap maps,pagemap,mapcount,smaps,status
write m+0 17
write m+0 25
madvise 0 5 populate_read
madvise 15 12 random
read 9.17
mmap any 1 rw shared f0 1
mremap 58 6 6 maymove,fixed,dontunmap 54
snap maps,pagemap,mapcount,smaps,status
mremap 28 3 9 maymove,fixed 59
write 43 134
write m+0 164
write 43 171 3
write 14 56
write 41 178
madvise 36 10 dontneed
snap maps,pagemap,mapcount,smaps,status
read 18 2
read 7
read 62
rlimit as +108
read 10
oom_score_adj 100
mprotect b+3 4 rw
snap maps,pagemap,mapcount,smaps,status
mremap 0 20 20 maymove,dontunmap
write 65 33
write 67 16 2
clear_refs 5
msync 0 20 async,invalidate
read 16
madvise 58 10 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
mincore 4 9
mmap 19 14 rwx shared f1 3
brk 12
mlock2 50 4 onfault
read b+0
read 7.1
write 61 12
snap maps,pagemap,mapcount,smaps,status
write 18 41 4 3
madvise 16 12 mergeable
mmap 47 1 - private f0 4
read 38
mmap 43 6 rwx shared,anon,fixed
read 18
mincore 62 2
snap maps,pagemap,mapcount,smaps,status
oom_score_adj 1000
write 47 92
read 65 6 3
mlock 64 8
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
