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
read 35
madvise 54 5 normal
snap maps,pagemap,mapcount,smaps,status
mprotect 48 8 rw
mmap 47 7 rw private,anon
mmap 2 13 rwx private,anon,fixed
mmap 37 14 rw shared,fixed,stack f1 7
mremap 16 2 2 -
write 30 170
mremap 51 7 7 fixed 30
snap maps,pagemap,mapcount,smaps,status
msync 59 5 async
punch f0 23 5
mprotect 25.1 8 r
madvise 0 20 pageout
sleep 40
mremap 46 3 3 maymove,dontunmap
mmap 35 13 rw private,anon
mprotect 24 27 rw
snap maps,pagemap,mapcount,smaps,status
mremap 46 3 3 -
mmap 5 8 rw private,anon,fixed
mprotect 0 20 rx
mmap 58 5 rwx shared,anon,fixed,locked
madvise 18 11 free
write 58 102
munlock 13 3
snap maps,pagemap,mapcount,smaps,status
mprotect 12 4 rwx
read 1
mmap 28 13 rw private,anon,populate
madvise 17 2 cold
mmap 8 2 rx private,anon,fixed
madvise 34 7 unmergeable
mmap 3 1 rw private,fixed f0 0
snap maps,pagemap,mapcount,smaps,status
mremap 35 0 3 -
mmap 30 2 rw shared,anon,fixed
mremap 16 6 6 maymove,fixed 19
mprotect 0 20 w
mremap 5 1 12 maymove,fixed 29
mremap 15 5 9 maymove
write 34 167
snap maps,pagemap,mapcount,smaps,status
write 14.1 49
mmap 4 16 rx private,anon,populate
mprotect 37 13 rw
mremap 9 8 2 maymove
mremap 4 6 10 maymove,fixed 56
brk 20
munmap 56 10
snap maps,pagemap,mapcount,smaps,status
munmap 17 1
mprotect 39 5 rw
drain
read b+8
mprotect 49 1 rw
madvise 24 17 pageout
sleep 40
write 37 100 4
snap maps,pagemap,mapcount,smaps,status
mmap 60 6 w shared,anon
write 31 120 2
mremap 65 7 7 maymove,dontunmap
write 48 51
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
