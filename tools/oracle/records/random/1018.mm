# seed 1018, copying
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 37 105
prctl 67 0
pmadvise P0 52 14 pageout
sleep 40
write 37 151
write 12 125 8
pread f0 15
munmap 33 6
snap maps,pagemap,mapcount,smaps,status
mremap 14 8 8 maymove
prctl 66
mprotect 39 7 rw
madvise 32 1 pageout
sleep 40
madvise 32 1 pageout
sleep 40
read 32
read 27 4
write 28 58
write 50 56
snap maps,pagemap,mapcount,smaps,status
mmap 45 16 rx shared,anon,fixed
brk 12
madvise 0 20 pageout
sleep 40
exec 4001
madvise 0 8 dontneed
munlock 0.1 20
write 19 148
snap maps,pagemap,mapcount,smaps,status
write 7 13 5 2
clear_refs 1
madvise 15 1 cold
mremap 32 4 3 maymove,fixed 24
mprotect 41 6 rw
oom_score_adj 1001
pmadvise P0 1 9 77
snap maps,pagemap,mapcount,smaps,status
mincore 0 20
madvise 0 20 guard_install
fork P1
mremap 55 6 8 maymove
madvise 27 10 77
oom_score_adj 100
write 24 182
snap maps,pagemap,mapcount,smaps,status
write b+10 95
munmap b+7 1
on P1
write 14 92
rlimit as +120
exit 2
on P0
read 59
snap maps,pagemap,mapcount,smaps,status
madvise 2 4 normal
wait
write 5 19 5
write 31 41
read 59
mlock2 0 3 -
mprotect 56 7 rw
snap maps,pagemap,mapcount,smaps,status
read 41
write 17 166
madvise 0 8 pageout
sleep 40
write 42 119 5
mmap any 7 rw validate,anon
write 42 17
madvise 39 25 populate_write
snap maps,pagemap,mapcount,smaps,status
brk 27
write 19 157
read b+26 3
mmap 55 10 r shared,anon,noreserve
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
