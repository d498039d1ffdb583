print("mailmirror")
