# seed 1007, mixed
file f0 tmpfs 24
file f1 memfd 24
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mmap 37 1 rwx private,hint f0 3
drain
madvise 36 10 dontneed
mprotect 63 1 rw
mlock2 32 4 onfault
write 16 51 4
write 48 92 4
snap maps,pagemap,mapcount,smaps,status
write 37 83 3
read 14
read s-2
munlock 0 20
brk 10
read 58
mincore 11 7
snap maps,pagemap,mapcount,smaps,status
madvise 54 7 pageout
sleep 40
read 60
mincore 12 3
read 8 4
read 60
madvise 6 21 pageout
sleep 40
madvise 6 21 pageout
sleep 40
brk -1
snap maps,pagemap,mapcount,smaps,status
pmadvise P0 45 5 pageout
sleep 40
read 25
fork P1
write 45 111
punch f0 8 5
write 48 164 8
mmap 14 4 rwx private,anon,fixed
snap maps,pagemap,mapcount,smaps,status
read 61
read 5
write 39 38
read 51
read 11
madvise 0 20 dontneed
munlock b+8 1
snap maps,pagemap,mapcount,smaps,status
brk 13
brk 21
write 37 49
mmap 22 2 rw shared f0 11
write 3 84 5
fork P2
on P2
madvise 24 8 dofork
snap maps,pagemap,mapcount,smaps,status
mmap 42 16 rx private f0
mmap 63 5 rw private,anon,fixed,populate,noreserve,stack
read 15.2048
mremap 32 4 5 maymove,fixed,dontunmap 20
write 6 92 4
mremap 65 3 10 maymove,fixed 47
mmap 66 6 r private,anon,noreserve
snap maps,pagemap,mapcount,smaps,status
on P1
on P2
write 21 59
mmap 10 12 rw validate,stack f0 15
read 40
write 41 51 5
madvise 16 4 sequential
snap maps,pagemap,mapcount,smaps,status
read 10
mremap 51 3 3 maymove,dontunmap
ftruncate f1 29
read 32
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
on P2
snap maps,pagemap,mapcount,kpf,smaps,status
