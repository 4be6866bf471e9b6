mmap 0 8 rw private,anon
write 0 1 8
mseal 2 3
munmap 2 1
munmap 0 8
mprotect 1 2 r
mprotect 0 1 r
mremap 3 1 2 maymove
mmap 4 1 rw private,anon,fixed
madvise 2 1 dontneed
mprotect 4 1 rw
snap maps,pagemap,smaps,status
mseal 7 4
mseal 0.1 1
mseal 6 0
mseal 0 8
madvise 0 1 dontneed
madvise 2 1 dontneed
madvise 2 1 pageout
fork P1
on P1
munmap 3 1
read 3
snap maps,pagemap,smaps,status
