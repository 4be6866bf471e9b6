# seed 1008, swapping
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mprotect 55 11 rwx
pwrite f1 9 35
read 62.17
write 38.17 144
madvise 28 18 pageout
sleep 40
write 40 47
madvise 30 3 free
exec @0
snap maps,pagemap,mapcount,smaps,status
write 8 27
write 3 40
mmap 45 8 rw private,anon,hint,noreserve,locked
madvise 48 8 pageout
sleep 40
read 50
brk 11
mincore 38 15
write 2 176 3 3
snap maps,pagemap,mapcount,smaps,status
oom_score_adj 100
mmap 52 3 rx private,fixed f0
munlock 24 10
mprotect 18 4 r
fork P1
on P1
write 44 8 2
madvise 36 10 populate_write
snap maps,pagemap,mapcount,smaps,status
write 42 192
exec @0
madvise 17 1 guard_install
write 42 157 4
write 43 3 3
mmap any 8 rw private,anon
mprotect 0 10 rg
snap maps,pagemap,mapcount,smaps,status
mmap 64 7 rw private,anon
mmap 3 1 rw private,anon,hint,growsdown
write 13 116 5
write 11 41 2
munmap 39 1
write 11 66
brk 12
snap maps,pagemap,mapcount,smaps,status
write 28 45
brk 1
pmadvise P1 15 2 pageout
sleep 40
exec @0
madvise 44 6 populate_write
mmap 45 9 rx private,anon
madvise 14 22 pageout
sleep 40
read 22
snap maps,pagemap,mapcount,smaps,status
read 0
brk 5
mincore 51 11
read 68.2048
write 27 150
on P0
write b+4 61
snap maps,pagemap,mapcount,smaps,status
on P1
pmadvise P1 64 1 cold
write 11 25 6 2
mremap 70 2 2 maymove,fixed,dontunmap 43
drain
clear_refs 2
mincore 16 8
snap maps,pagemap,mapcount,smaps,status
mlock2 11 2 -
munmap 53 6
write 10 141
read m+6
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
