# seed 1008, swapping
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mprotect 55 11 rwx
fork P1
write 8 58
madvise 19 10 dontneed
mmap 22 12 rw private,anon,fixed
madvise 29 3 free
madvise 36 10 willneed
snap maps,pagemap,mapcount,smaps,status
write 28 104 6
mmap 61 3 rw private,fixed f1 0
read 55
read 11
mincore 37 15
punch f0 21 1
mmap 24 15 rw shared,populate,stack f1 10
snap maps,pagemap,mapcount,smaps,status,lru
write 10 43
madvise 16 9 dontneed
read 38
brk 26
mmap 31 14 rw private,anon,fixed,populate
write 48 192
madvise 22 24 guard_install
snap maps,pagemap,mapcount,smaps,status,numa
madvise 30 19 pageout
sleep 40
madvise 30 19 pageout
sleep 40
mmap any 8 rw private,anon
mprotect 0 10 rg
mmap 64 7 rw private,anon
mmap 3 1 rw private,anon,hint,growsdown
write 14 116 6
write 11 41 2
snap maps,pagemap,mapcount,smaps,status
munmap 38 1
write 11 66
brk 12
write 27 45
brk 1
pmadvise P1 16 2 pageout
sleep 40
madvise 36 8 guard_install
snap maps,pagemap,mapcount,smaps,status
write m+5 109
mincore 49 14
mincore 54 3
write 70 3
madvise 48 8 pageout
sleep 40
write 62 60 9
mincore 15.1 18
snap maps,pagemap,mapcount,smaps,status
madvise 45 10 populate_read
read m+2
read 48 3
munmap b+0 1
mremap 26 2 2 maymove,dontunmap
fork P2
on P2
mmap 39 16 w private,anon,fixed
snap maps,pagemap,mapcount,smaps,status
madvise 22 16 pageout
sleep 40
write 68 113 3
munmap 51 6
write 10 141
read m+0
write 41 123 10
write 70 104
snap maps,pagemap,mapcount,smaps,status
fork P3
read 14
mprotect 70 1 rw
mmap 57 15 rw shared,fixed f0
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P2
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P3
snap maps,pagemap,mapcount,kpf,smaps,status,oom
