# seed 1022, swapping
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
madvise 48 8 pageout
sleep 40
write 55 157
write 53 160 6 3
madvise 43 5 dontfork
read 14
madvise 13 10 populate_write
read 8
madvise 18 4 guard_install
snap maps,pagemap,mapcount,smaps,status
read 52
madvise 8 7 populate_write
mincore 0 20
write 8 78 4
read 44
madvise 29 4 pageout
sleep 40
madvise 29 4 pageout
sleep 40
read 30
madvise 32 8 pageout
sleep 40
madvise 32 8 pageout
sleep 40
write 37 94
snap maps,pagemap,mapcount,smaps,status
mmap 64 6 rwx private,anon,populate
write 41 88
mincore 52 3
mprotect 69 3 r
write 51 156
ftruncate f0 31
mincore 60 12
snap maps,pagemap,mapcount,smaps,status
madvise 61 2 wipeonfork
punch f0 23 7
madvise 24 10 pageout
sleep 40
read 24
munmap 35 3
mmap 39 5 r private,hint f0 27
mprotect 4 13 rw
write 17 52 3
snap maps,pagemap,mapcount,smaps,status
madvise 5 12 pageout
sleep 40
read 10
write 67.4095 138
mremap 58 12 12 fixed 32
mprotect 40 3 rw
read 15 3
write 44 46
snap maps,pagemap,mapcount,smaps,status
write 51 115 5
madvise 24 1 willneed
madvise 48 8 cold
mmap any 8 r shared,anon
write 30 71 6 2
madvise 33 11 dontneed
mmap 56 16 rwx validate,anon,populate
snap maps,pagemap,mapcount,smaps,status
mincore 38 10
brk 10
madvise 32 9 mergeable
mmap 52 12 rw shared,anon,hint,populate,growsdown
mmap 20 4 rwx private,anon
mremap 28 3 11 -
write 59 121
snap maps,pagemap,mapcount,smaps,status
madvise 48 24 wipeonfork
madvise 48 24 populate_read
mremap 0 46 9 maymove,fixed 31
drain
write 61 187 11
clear_refs 6
read 50
snap maps,pagemap,mapcount,smaps,status
read 12 2 3
mmap any 16 rw shared f1 12
write 7 163
read 35
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
