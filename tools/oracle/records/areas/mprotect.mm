mmap 0 16 rw private,anon
write 0 1 16
mprotect 2 4 r
mprotect 8 4 -
snap maps,pagemap,smaps,status
write 2 1
read 2
read 8
write 8 1
mprotect 8 4 w
read 8
write 9 1
mprotect 8 4 x
read 8
mprotect 0 16 rw
write 0 2 16
read 0 16
snap maps,pagemap,smaps,status
mprotect 0 0 r
mprotect 0.1 1 r
mprotect 14 6 r
snap maps
mprotect 30 1 r
mmap 40 4 r shared,anon
mprotect 40 4 rw
write 40 5
mprotect 40 2 r
write 40 6
write 42 6
snap maps,pagemap,smaps
mmap 60 4 rw private,anon,growsdown
mprotect 62 1 rg
mprotect 2 1 rg
snap maps
