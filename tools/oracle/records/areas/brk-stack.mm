brk 0
brk 4
snap maps,status
write b+0 1
write b+3 2
write b+4 2
snap pagemap,status
brk 2
read b+2
brk 12
read b+3
snap maps,pagemap,status
mprotect b+4 2 r
brk 14
snap maps
munmap b+6 2
read b+6
snap maps,status
brk 0
brk -1
mmap b+10 2 rw private,anon
brk 9
brk 10
brk 11
snap maps
# MAP_GROWSDOWN
mmap 2000 4 rw private,anon,growsdown
write 2003 1
write 1999 1
read 1990
snap maps,pagemap,smaps,status
mmap 1600 4 rw private,anon
write 1700 1
write 1861 1
write 1860 1
write 1859 1
snap maps,status
mmap 3000 4 - private,anon
mmap 3300 4 rw private,anon,growsdown
write 3010 1
write 3004 1
snap maps,status
read s-1
write s-4 1
snap status
