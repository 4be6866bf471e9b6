# seed 1001, mixed
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 48 135 8
read 40
madvise 62 6 populate_read
write 44 118
msync 48 8 sync,async
mmap 16 5 r private,fixed f1 11
mremap 0 21 1 maymove
snap maps,pagemap,mapcount,smaps,status
brk 8
read 26
mremap 54 3 5 maymove,fixed 55
madvise 40 2 pageout
sleep 40
madvise 43 13 pageout
sleep 40
read 45
mmap 39 7 rwx shared f0 18
write 44 197 2
snap maps,pagemap,mapcount,smaps,status
mmap 3 4 rw private f1
mlock 41 6
madvise 36 10 populate_write
read 24
write 39 141
write b+6 40
read 53
snap maps,pagemap,mapcount,smaps,status
exec 4001
madvise 24 10 populate_read
brk 11
write 55 179 1
write 62 71
mprotect 45 9 rw
madvise 36 10 pageout
sleep 40
madvise 36 10 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
fsync f0
clear_refs 2
mmap 58 4 w private,anon,fixed
mremap 60 1 6 -
read 28 4 3
madvise 53 10 pageout
sleep 40
madvise 53 10 pageout
sleep 40
read 59
read 48
snap maps,pagemap,mapcount,smaps,status
mlock 36 10
read 54
read b+6
mremap 49 1 10 maymove,fixed 32
madvise 32 10 willneed
read 27
fork P1
snap maps,pagemap,mapcount,smaps,status
madvise 27 8 pageout
sleep 40
mmap 53 8 rw validate,fixed f1 17
mmap 36 14 rw private,anon,fixed,growsdown
mmap any 1 - private,anon
read m+0
on P1
exit 3
on P0
snap maps,pagemap,mapcount,smaps,status
madvise 1 12 dontfork
write 52 78
madvise m+0 1 nohugepage
write 29 125 6
brk 0
madvise 60 4 populate_write
write 38 87
snap maps,pagemap,mapcount,smaps,status
mremap 52 4 3 maymove,fixed 22
mmap any 4 rw private,anon
mprotect 3 2 rw
write 61 143
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
