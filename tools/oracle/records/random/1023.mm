# seed 1023, vmas
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mmap 30 12 rwx private,fixed f1 10
mremap 48 8 8 maymove
drain
mprotect 54 10 rw
madvise 28 6 guard_remove
brk 5
read 50
snap maps,pagemap,mapcount,smaps,status
mlock 24 22
msync 38 16 sync
mremap 51 3 10 maymove
munmap 47 1
madvise 14 11 populate_write
read 44
write 4.4095 62
snap maps,pagemap,mapcount,smaps,status
mremap 16 2 2 -
write 18 100
mmap 52 14 rwx shared,anon,fixed
mmap 59 12 rw private,anon,fixed
mprotect b+3 1 rw
mremap 58 3 3 maymove,dontunmap
mmap 35 13 rw private,anon
snap maps,pagemap,mapcount,smaps,status
mprotect 24 22 rw
brk 27
mprotect b+13 7 rw
write 53 95
brk 6
pmadvise P0 7 6 willneed
madvise b+4 2 dontneed
snap maps,pagemap,mapcount,smaps,status
madvise 26 11 free
write 29 170 17
mremap 64 7 10 maymove
write 24 53 22
munmap 15 6
mmap 11 1 rw validate,anon,hint
write b+2 118
snap maps,pagemap,mapcount,smaps,status
madvise 28 2 cold
mmap 42 14 rx private,anon
clear_refs 2
read 53.1 2 2
read 42 2
mremap 59 3 3 fixed 0
mprotect 9 2 rw
snap maps,pagemap,mapcount,smaps,status
madvise 48 11 dontneed_locked
write 25 147 6 3
read 6 6
madvise 36 6 pageout
sleep 40
madvise 36 6 pageout
sleep 40
read 41
write 67 15
write 50 78
mmap 14 4 rw private,hint,locked f0 19
snap maps,pagemap,mapcount,smaps,status
write 4 73 11
write 34 160
mremap 10 8 2 maymove
mremap 5 6 10 maymove,fixed 56
brk 20
munmap 48 23
munmap 4 1
snap maps,pagemap,mapcount,smaps,status
mprotect 38 5 rw
drain
read b+8
mprotect 44 1 rw
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
