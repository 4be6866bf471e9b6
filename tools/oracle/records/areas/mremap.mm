mmap 0 8 rw private,anon
write 0 1 8
mremap 0 8 4 -
snap maps,pagemap,status
mremap 0 4 6 -
mremap 0 6 10 maymove
snap maps,pagemap,status
mmap 10 2 rw private,anon
mremap 0 10 12 -
mremap 0 10 12 maymove
read m+3
snap maps,pagemap,smaps,status
mremap m+0 4 4 maymove,fixed 20
read 20 4
snap maps,pagemap
mremap 20 4 4 maymove,fixed 22
mremap 20 4 4 fixed 30
mremap 30 4 4 maymove,dontunmap
snap maps,pagemap,status
mremap 30 4 6 maymove,dontunmap
mremap 30 4 4 maymove,fixed,dontunmap 40
write 30 9
snap maps,pagemap,smaps,status
mmap 50 4 rw shared,anon
write 50 1 4
mremap 50 0 4 maymove
mremap 50 0 2 maymove,fixed 60
read 60 2
snap maps,pagemap,mapcount,status
mremap 50 4 4 maymove,dontunmap
mremap 10 0 2 maymove
mremap 80 1 1 -
mremap 10 0 0 -
mremap 10.1 1 1 -
mremap 10 4 4 maymove,fixed 70
# Several areas at once.
mmap 90 2 rw private,anon
mmap 92 2 r private,anon
mmap 94 2 rw private,anon
write 90 1 2
mremap 90 6 6 maymove,fixed 100
mremap 100 6 8 maymove,fixed 110
snap maps,pagemap,status
