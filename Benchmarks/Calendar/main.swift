print("calendar")
