mmap 0 16 rw private,anon
write 3 1
mlock 2 4
snap maps,pagemap,smaps,status
mlock2 8 4 onfault
write 9 1
snap maps,pagemap,smaps,status
munlock 3 2
snap maps,smaps,status
mlock 14 4
munlock 0 16
snap maps,status
mlockall future
mmap 20 4 rw private,anon
mmap 24 4 - private,anon
snap maps,pagemap,smaps,status
mlockall future,onfault
mmap 30 4 rw private,anon
snap maps,smaps,status
munlockall
snap maps,status
dropcaps
rlimit memlock 16
mlock 0 4
mlock 4 1
mlock 2 3
mmap 40 1 rw private,anon,locked
munlock 0 1
mmap 40 1 rw private,anon,locked
mremap 40 1 3 maymove
snap maps,smaps,status
mlock2 0 2 -
mlock 0 0
fork P1
on P1
snap maps,status
